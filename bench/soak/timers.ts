import { queryObjects } from 'node:v8';

/** A timer as node prints it, where it is still to run: one that has run, or was taken back, is destroyed. */
const PENDING = /_destroyed: false/;

/**
 * Every timer of the process that is still to run, as node prints it: also those that were told not to keep the process alive,
 * which process.getActiveResourcesInfo() leaves out, those of sockets, and those of `node:timers/promises`. Collects garbage
 * and looks through the whole heap.
 */
export function pendingTimers(): readonly string[] {
  const one = setTimeout(() => undefined, 0);
  clearTimeout(one);
  const { constructor: Timeout } = Object.getPrototypeOf(one) as { constructor: () => NodeJS.Timeout };
  return queryObjects(Timeout, { format: 'summary' }).filter((printed) => PENDING.test(printed));
}
