import { chownSync, copyFileSync, existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Ground } from '../ground.ts';
import { ROLE, ROLE_PASSWORD } from '../names.ts';
import { freePort, startProgram } from '../processes.ts';
import type { Target } from './target.ts';

const PROGRAM = '/usr/sbin/pgbouncer';

/** An unprivileged user: PgBouncer does not run as root. */
const NOBODY = 65534;

/** In session mode, as whoever needs session state must run it; clients by SCRAM, with or without TLS. */
export const pgbouncer: Target = {
  name: 'PgBouncer',
  missing: () => (existsSync(PROGRAM) ? null : 'the Debian package pgbouncer'),
  async start(ground) {
    const port = await freePort();
    const directory = mkdtempSync(join(ground.directory, 'pgbouncer-'));
    const asRoot = process.getuid?.() === 0;
    const file = (name: string): string => join(directory, name);
    writeFileSync(file('users.txt'), `"${ROLE}" "${ground.postgres.roleSecret}"\n`);
    copyFileSync(ground.certificate.certFile, file('server.crt'));
    copyFileSync(ground.certificate.keyFile, file('server.key'));
    writeFileSync(file('pgbouncer.ini'), configuration(ground, port, directory));
    if (asRoot) {
      for (const name of ['', 'users.txt', 'server.crt', 'server.key']) chownSync(file(name), NOBODY, NOBODY);
    }
    const started = await startProgram(
      PROGRAM,
      ['-q', file('pgbouncer.ini')],
      port,
      asRoot ? { uid: NOBODY, gid: NOBODY } : {},
    );
    return {
      pids: [started.pid],
      door: (database) => ({ port, user: ROLE, password: ROLE_PASSWORD, database }),
      stop: () => started.stop(),
    };
  },
};

function configuration({ fake, postgres }: Ground, port: number, directory: string): string {
  const credentials = `user=${ROLE} password=${ROLE_PASSWORD}`;
  return `[databases]
fake = host=127.0.0.1 port=${fake.port} dbname=${ROLE} ${credentials}
fake_socket = host=${fake.socketDirectory} port=${fake.port} dbname=${ROLE} ${credentials}
bench = host=127.0.0.1 port=${postgres.port} dbname=${ROLE} ${credentials}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(directory, 'users.txt')}
client_tls_sslmode = allow
client_tls_cert_file = ${join(directory, 'server.crt')}
client_tls_key_file = ${join(directory, 'server.key')}
pool_mode = session
max_client_conn = 20000
default_pool_size = 20000
listen_backlog = 4096
log_connections = 0
log_disconnections = 0
log_stats = 0
`;
}
