/** Session ids by something that several sessions share. */
export class SessionIndex {
  readonly #sids = new Map<string, Set<string>>();

  get(key: string): readonly string[] {
    return [...(this.#sids.get(key) ?? [])];
  }

  add(key: string, sid: string): void {
    const sids = this.#sids.get(key);
    if (sids === undefined) this.#sids.set(key, new Set([sid]));
    else sids.add(sid);
  }

  delete(key: string, sid: string): void {
    const sids = this.#sids.get(key);
    if (sids === undefined) return;
    sids.delete(sid);
    if (sids.size === 0) this.#sids.delete(key);
  }
}
