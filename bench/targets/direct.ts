import type { Target } from './target.ts';

/** The engine itself. */
export const direct: Target = {
  name: 'direct',
  missing: () => null,
  start: (engine) => Promise.resolve({ port: engine.port, pids: [], stop: () => Promise.resolve() }),
};
