/** Logins, and round trips: statements, or several in one write, that were waited for together. */
export interface Work {
  readonly logins: number;
  readonly trips: number;
}

/** A session's, where nothing was wanted of one of the two. */
const USUAL = 10;
const MOST = 10_000;

/**
 * How many round trips a session is to make on average from now on, so that as many logins and trips as are wanted in the end
 * are there at the same time: whatever got ahead, by sessions that broke off or by those that stay for long, is made up for.
 * @param wanted Infinity: as many as it comes to
 */
export function tripsEach(wanted: Work, done: Work): number {
  if (!Number.isFinite(wanted.logins) || !Number.isFinite(wanted.trips)) return USUAL;
  const left = (wanted.trips - done.trips) / Math.max(1, wanted.logins - done.logins);
  return Math.min(MOST, Math.max(1, Math.round(left)));
}
