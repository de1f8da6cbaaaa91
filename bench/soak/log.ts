import type { Happenings, Part } from './happenings.ts';

/** Errors of the gateway's log that a fault explains. */
const EXPECTED: readonly (readonly [message: RegExp, part: Part])[] = [
  // Once an hour; the next time does what this one could not.
  [/^a job failed$/, 'store'],
];
/** What failed by a fault had to wait for the time limits of questions and connections first. */
const SAID_AFTER_MS = 5000;
/** By so much the two clocks may differ; that of the log is cut to milliseconds. */
const CLOCKS_MS = 10;

/** How often each line was seen that is an error and was expected. */
export type ExpectedErrors = ReadonlyMap<string, number>;

/**
 * Says of each error in the log that no fault explains that it must not be there, and of whatever is no line of the log.
 * @param toMonotonicMs of the wall clock's milliseconds
 */
export function judgeLog(
  log: string,
  happenings: Happenings,
  violated: (what: string) => void,
  { toMonotonicMs = fromWallClock, expected = EXPECTED } = {},
): ExpectedErrors {
  const seen = new Map<string, number>();
  for (const line of log.split('\n')) {
    if (line === '') continue;
    const read = readLine(line);
    if (read === null) violated(`log: not a line of the log: ${line.slice(0, 300)}`);
    if (read === null || !/^(?:error|fatal)$/.test(read.level)) continue;
    const atMs = toMonotonicMs(Date.parse(read.time));
    const found = expected.find(
      ([message, part]) =>
        message.test(read.msg) && happenings.near(part, atMs, atMs + CLOCKS_MS, SAID_AFTER_MS) !== undefined,
    );
    if (found === undefined) violated(`log: ${line.slice(0, 500)}, ${happenings.lastBefore(atMs)}`);
    else seen.set(read.msg, (seen.get(read.msg) ?? 0) + 1);
  }
  return seen;
}

interface Line {
  readonly level: string;
  readonly time: string;
  readonly msg: string;
}

function readLine(line: string): Line | null {
  try {
    const { level, time, msg } = JSON.parse(line) as Record<string, unknown>;
    if (typeof level !== 'string' || typeof time !== 'string') return null;
    return { level, time, msg: typeof msg === 'string' ? msg : '' };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function fromWallClock(wallMs: number): number {
  return wallMs - Date.now() + performance.now();
}
