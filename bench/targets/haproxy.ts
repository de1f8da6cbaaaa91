import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ROLE, ROLE_PASSWORD } from '../names.ts';
import { freePort, openFileLimit, startProgram } from '../processes.ts';
import type { Target } from './target.ts';

const PROGRAM = '/usr/sbin/haproxy';
/** Each takes two files of HAProxy's, which refuses to start when that is more than it may open. */
const MOST_SESSIONS = Math.min(20_000, Math.floor(openFileLimit() / 2) - 100);

/** Carries TCP without looking at it, on one thread. */
export const haproxy: Target = {
  name: 'HAProxy',
  missing: () => (existsSync(PROGRAM) ? null : 'the Debian package haproxy'),
  async start({ directory, fake, postgres }) {
    const [toFake, toPostgres] = [await freePort(), await freePort()];
    const configuration = join(directory, `haproxy-${toFake}.cfg`);
    writeFileSync(
      configuration,
      `global
  nbthread 1
  maxconn ${MOST_SESSIONS}
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen fake
  bind 127.0.0.1:${toFake} backlog 4096
  server engine 127.0.0.1:${fake.port}
listen postgres
  bind 127.0.0.1:${toPostgres} backlog 4096
  server engine 127.0.0.1:${postgres.port}
`,
    );
    const started = await startProgram(PROGRAM, ['-db', '-q', '-f', configuration], toPostgres);
    return {
      pids: [started.pid],
      door: (database) => ({
        port: database.startsWith('fake') ? toFake : toPostgres,
        user: ROLE,
        password: ROLE_PASSWORD,
        database: ROLE,
      }),
      stop: () => started.stop(),
    };
  },
};
