import { SqlError } from '../sql-error.ts';

const ESCAPE =
  /\\(?:(?<octal>[0-7]{1,3})|x(?<hex>[0-9A-Fa-f]{1,2})|u(?<short>[0-9A-Fa-f]{4})|U(?<long>[0-9A-Fa-f]{8})|(?<other>[\s\S]))|''/g;
const CONTROLS: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const LAST_CODE_POINT = 0x10_ffff;

/**
 * What an `E'…'` stands for. Bytes beyond ASCII by number would have to be valid UTF-8 together: who needs such letters can
 * write them as they are.
 * @throws SqlError 22025, 22021
 */
export function readEscapes(body: string): string {
  return body.replace(ESCAPE, (all, ...rest: unknown[]) => {
    if (all === "''") return "'";
    const { octal, hex, short, long, other } = rest.at(-1) as Record<string, string | undefined>;
    if (octal !== undefined) return byte(Number.parseInt(octal, 8));
    if (hex !== undefined) return byte(Number.parseInt(hex, 16));
    const point = short ?? long;
    if (point !== undefined) return character(Number.parseInt(point, 16));
    if (other === 'u' || other === 'U') throw new SqlError('22025', 'invalid Unicode escape');
    return CONTROLS[other ?? ''] ?? other ?? '';
  });
}

function byte(value: number): string {
  if (value < 1 || value > 0x7f) throw new SqlError('22021', 'invalid byte sequence for encoding "UTF8"');
  return String.fromCharCode(value);
}

function character(point: number): string {
  const isSurrogate = point >= 0xd800 && point <= 0xdfff;
  if (point === 0 || point > LAST_CODE_POINT || isSurrogate)
    throw new SqlError('22025', 'invalid Unicode escape value');
  return String.fromCodePoint(point);
}
