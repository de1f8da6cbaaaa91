import { join } from 'node:path';

import { startModule } from '../processes.ts';
import type { Target } from './target.ts';

const PROCESS = new URL('./relay-process.js', import.meta.url);

/** The relay alone, to the engine by TCP. */
export const relayTcp: Target = relayTarget('patgate relay', () => []);

/** The relay alone, to the engine by its Unix socket. */
export const relaySocket: Target = relayTarget('patgate relay, Unix socket', (engine) =>
  engine.socketDirectory === undefined ? [] : [join(engine.socketDirectory, `.s.PGSQL.${engine.port}`)],
);

function relayTarget(
  name: string,
  extra: (engine: { socketDirectory?: string; port: number }) => string[],
): Target {
  return {
    name,
    missing: () => null,
    async start(engine) {
      const started = await startModule(PROCESS, [engine.host, String(engine.port), ...extra(engine)]);
      return { port: started.port, pids: [started.pid], stop: () => started.stop() };
    },
  };
}
