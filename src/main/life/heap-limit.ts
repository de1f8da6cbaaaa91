const MIB = 2 ** 20;
const SEMI_SPACES = 3;
/** Where V8 makes the heap small of its own accord, it makes semi-spaces small as well. */
const MOST_OF_ALL = 3 / 7;

/**
 * How large the old generation may grow. V8 tells the limit of both generations together, which is never reached: the
 * process dies when the old one is full. With `--max-old-space-size=300`, Node 24 says 492 MiB.
 * @param limit of both, in bytes, as `v8.getHeapStatistics` tells
 * @param flags of this process, those that count last
 */
export function oldGenerationLimit(
  limit: number,
  flags: readonly string[] = [process.env['NODE_OPTIONS'] ?? '', ...process.execArgv],
  major = Number(process.versions.node.split('.')[0]),
): number {
  const given = mebibytes('max-old-space-size', flags);
  if (given !== null) return Math.min(limit, given * MIB);
  const semiSpace = mebibytes('max-semi-space-size', flags) ?? semiSpaceMib(major);
  return limit - Math.min(SEMI_SPACES * semiSpace * MIB, MOST_OF_ALL * limit);
}

/** How large one of them may grow: 16 MiB in Node 20 and 22, 64 in 24. In 26 it is 32; taking 64 for it errs on the safe side. */
function semiSpaceMib(major: number): number {
  return major < 24 ? 16 : 64;
}

/** V8 takes dashes and underscores alike. */
function mebibytes(flag: string, flags: readonly string[]): number | null {
  const pattern = new RegExp(`--${flag.replaceAll('-', '[-_]')}[= ](\\d+)`, 'g');
  const last = [...flags.join(' ').matchAll(pattern)].at(-1)?.[1];
  return last === undefined ? null : Number(last);
}
