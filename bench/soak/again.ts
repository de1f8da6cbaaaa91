import { setTimeout as delay } from 'node:timers/promises';

import { RequestError } from '../../src/core/errors.ts';
import type { Tally } from './tally.ts';

const ATTEMPTS = 20;
const PAUSE_MS = 500;

/**
 * What the soak itself asks of the store may meet a fault, too. A change that was refused because it had been made is one whose
 * answer was lost.
 * @throws what the last attempt threw
 */
export async function again(work: () => Promise<unknown>, tally: Tally): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      if (attempt > 1 && error instanceof RequestError && error.code === 'request.conflict') return;
      tally.unsureChanges++;
      if (attempt === ATTEMPTS) throw error;
      await delay(PAUSE_MS);
    }
  }
}
