import { ROLE, ROLE_PASSWORD } from '../names.ts';
import { startModule } from '../processes.ts';
import type { Target } from './target.ts';

/** A server in Node that does nothing but log clients in by SCRAM: what a login costs where nothing else is done. */
export const bareNode: Target = {
  name: 'bare Node',
  missing: () => null,
  async start({ postgres }) {
    const module = new URL('../engines/bare-login.js', import.meta.url);
    const started = await startModule(module, [postgres.roleSecret]);
    const { port, pid } = started;
    return {
      pids: [pid],
      door: (database) => ({ port, user: ROLE, password: ROLE_PASSWORD, database }),
      stop: () => started.stop(),
    };
  },
};
