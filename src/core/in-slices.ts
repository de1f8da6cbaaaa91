/**
 * Does long work bit by bit, so that no part of it holds others up for long.
 * @param size what a slice does at most: one that does less is the last
 * @param slice does some, and says how much
 * @returns how much was done, until there was no more to do or `signal` said to stop
 */
export async function inSlices(
  signal: AbortSignal,
  size: number,
  slice: () => Promise<number>,
): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const done = await slice();
    total += done;
    if (done < size) break;
  }
  return total;
}
