import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort, startProgram } from '../processes.ts';
import type { Target } from './target.ts';

const PROGRAM = '/usr/sbin/haproxy';

/** Carries TCP without looking at it, on one thread. */
export const haproxy: Target = {
  name: 'HAProxy',
  missing: () => (existsSync(PROGRAM) ? null : 'the Debian package haproxy'),
  async start(engine) {
    const port = await freePort();
    const directory = mkdtempSync(join(tmpdir(), 'patgate-bench-haproxy-'));
    const configuration = join(directory, 'haproxy.cfg');
    writeFileSync(
      configuration,
      `global
  nbthread 1
  maxconn 9500
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen bench
  bind 127.0.0.1:${port}
  server engine ${engine.host}:${engine.port}
`,
    );
    const started = await startProgram(PROGRAM, ['-db', '-q', '-f', configuration], port);
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
