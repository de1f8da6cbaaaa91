/**
 * What waits, taken from its lanes in turn: one that holds a hundred delays the only one of another lane by one, not by a
 * hundred. Of one lane, first come, first served.
 */
export class Lanes<Lane, T> {
  /** The one at the front is next; a lane is here only while it holds something. */
  readonly #lanes = new Map<Lane, T[]>();
  #size = 0;

  /** How much waits in all. */
  get size(): number {
    return this.#size;
  }

  /** How much waits in that lane. */
  sizeOf(lane: Lane): number {
    return this.#lanes.get(lane)?.length ?? 0;
  }

  /** Lanes in which something waits, with how much, in the order of their turns. */
  *sizes(): Iterable<readonly [lane: Lane, size: number]> {
    for (const [lane, { length }] of this.#lanes) yield [lane, length];
  }

  push(lane: Lane, item: T): void {
    const items = this.#lanes.get(lane);
    if (items === undefined) this.#lanes.set(lane, [item]);
    else items.push(item);
    this.#size += 1;
  }

  /** The oldest of the lane whose turn it is; undefined: nothing waits. */
  next(): T | undefined {
    const [front] = this.#lanes;
    if (front === undefined) return undefined;
    const [lane, items] = front;
    const item = items.shift();
    this.#lanes.delete(lane);
    if (items.length > 0) this.#lanes.set(lane, items);
    this.#size -= 1;
    return item;
  }

  /** The newest of that lane, which keeps its turn; undefined: nothing waits there. */
  takeNewest(lane: Lane): T | undefined {
    const items = this.#lanes.get(lane);
    if (items === undefined) return undefined;
    const item = items.pop();
    if (items.length === 0) this.#lanes.delete(lane);
    this.#size -= 1;
    return item;
  }
}
