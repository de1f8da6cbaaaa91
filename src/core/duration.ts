const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
};

export const DAY_MS = 86_400_000;
export const HOUR_MS = 3_600_000;

/**
 * Reads `250ms`, `60s`, `10 min`, `24h`, `30 days`, `2 weeks`.
 * @returns milliseconds, or null when the text is no such duration
 */
export function parseDuration(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(text);
  if (match === null) return null;
  const [, amount = '', unit = ''] = match;
  const word = unit.toLowerCase();
  const factor =
    UNIT_MS[word] ?? (word.length > 3 && word.endsWith('s') ? UNIT_MS[word.slice(0, -1)] : undefined);
  if (factor === undefined) return null;
  const ms = Number(amount) * factor;
  return Number.isSafeInteger(Math.round(ms)) ? Math.round(ms) : null;
}

/** The largest unit that fits, in whole numbers: `90 s` is `90 seconds`, `172800000` is `2 days`. */
export function formatDuration(ms: number): string {
  const units: readonly (readonly [number, string])[] = [
    [DAY_MS, 'day'],
    [HOUR_MS, 'hour'],
    [60_000, 'minute'],
    [1000, 'second'],
  ];
  for (const [size, name] of units) {
    if (ms >= 2 * size || (ms >= size && ms % size === 0)) {
      const amount = Math.floor(ms / size);
      return `${amount} ${name}${amount === 1 ? '' : 's'}`;
    }
  }
  return `${Math.max(0, Math.round(ms / 1000))} seconds`;
}
