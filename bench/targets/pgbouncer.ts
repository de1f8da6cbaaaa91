import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort, startProgram } from '../processes.ts';
import type { Target } from './target.ts';

const PROGRAM = '/usr/sbin/pgbouncer';

/** An unprivileged user: PgBouncer does not run as root. */
const NOBODY = 65534;

/** In session mode, as whoever needs session state must run it. */
export const pgbouncer: Target = {
  name: 'PgBouncer',
  missing: () => (existsSync(PROGRAM) ? null : 'the Debian package pgbouncer'),
  async start(engine) {
    const port = await freePort();
    const directory = mkdtempSync(join(tmpdir(), 'patgate-bench-pgbouncer-'));
    chmodSync(directory, 0o755);
    writeFileSync(join(directory, 'users.txt'), '"bench" ""\n');
    const configuration = join(directory, 'pgbouncer.ini');
    writeFileSync(
      configuration,
      `[databases]
* = host=${engine.host} port=${engine.port} user=bench
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${join(directory, 'users.txt')}
pool_mode = session
max_client_conn = 20000
default_pool_size = 20000
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
log_stats = 0
`,
    );
    const asRoot = process.getuid?.() === 0;
    const started = await startProgram(
      PROGRAM,
      ['-q', configuration],
      port,
      asRoot ? { uid: NOBODY, gid: NOBODY } : {},
    );
    return {
      port,
      pids: [started.pid],
      async stop() {
        await started.stop();
        rmSync(directory, { recursive: true });
      },
    };
  },
};
