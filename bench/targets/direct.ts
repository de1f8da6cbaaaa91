import { ROLE, ROLE_PASSWORD } from '../names.ts';
import type { Target } from './target.ts';

/** The engine itself. */
export const direct: Target = {
  name: 'direct',
  missing: () => null,
  start: ({ fake, postgres }) =>
    Promise.resolve({
      pids: [],
      door: (database) => ({
        port: database.startsWith('fake') ? fake.port : postgres.port,
        user: ROLE,
        password: ROLE_PASSWORD,
        database: ROLE,
      }),
      stop: () => Promise.resolve(),
    }),
};
