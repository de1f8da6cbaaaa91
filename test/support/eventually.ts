import { setTimeout as delay } from 'node:timers/promises';

const PATIENCE_MS = 20_000;
const POLL_MS = 20;

/** Tries again until it works; for what happens in its own time, with no event to wait for. @throws its last error */
export async function eventually<T>(attempt: () => T | Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(POLL_MS);
    }
  }
}
