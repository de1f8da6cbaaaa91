/** Type byte and length word: chapter "Message Formats". */
const HEADER_BYTES = 5;

/** What a follower's subclass answers when it is shown a header. */
export const VERDICT = {
  pass: 0,
  /** Show the first byte of the body too. */
  showBody: 1,
  /** Pass neither this message nor anything behind it. */
  stop: 2,
} as const;

export type Verdict = (typeof VERDICT)[keyof typeof VERDICT];

/**
 * Follows where messages begin and end in a stream that is passed on unread: headers are looked at, bodies are skipped,
 * however the stream is cut into chunks.
 */
export abstract class FrameFollower {
  #stopped = false;
  #type = 0;
  /** How much of a header that is spread over chunks has been read: 0 to 4. */
  #headerBytes = 0;
  /** Its length word as far as it has been read. */
  #length = 0;
  /** Bytes of the current body that are still to come. */
  #bodyLeft = 0;
  #showBody = false;

  /** True when all bytes so far make whole messages: the only place where a message of our own can be put in. */
  get atBoundary(): boolean {
    return this.#bodyLeft === 0 && this.#headerBytes === 0;
  }

  /** True once a message was refused: the follower must not be used any further. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** @returns how many bytes of the chunk may be passed on: all, unless the follower stopped */
  follow(chunk: Buffer): number {
    const end = chunk.length;
    let at = this.atBoundary ? 0 : this.finishMessage(chunk);
    if (this.#stopped) return at;
    while (end - at >= HEADER_BYTES) {
      const length = chunk.readInt32BE(at + 1);
      const verdict = this.header(chunk[at] ?? 0, length);
      if (verdict === VERDICT.stop) return this.#stopAt(at);
      const body = at + HEADER_BYTES;
      if (verdict === VERDICT.showBody && length > 4) {
        if (body < end) this.bodyStart(chunk[body] ?? 0);
        else this.#showBody = true;
      }
      at += 1 + length;
      if (at > end) {
        this.#bodyLeft = at - end;
        return end;
      }
    }
    return at < end ? this.#beginHeader(chunk, at) : end;
  }

  /**
   * As `follow`, but no further than the end of the message under way.
   * @returns where that is in the chunk, or the chunk's length if it lies beyond
   */
  finishMessage(chunk: Buffer): number {
    const at = this.#headerBytes > 0 ? this.#finishHeader(chunk) : 0;
    if (this.#bodyLeft === 0 || at === chunk.length) return at;
    if (this.#showBody) {
      this.#showBody = false;
      this.bodyStart(chunk[at] ?? 0);
    }
    const step = Math.min(this.#bodyLeft, chunk.length - at);
    this.#bodyLeft -= step;
    return at + step;
  }

  /**
   * Shown every header once.
   * @param length the length word, unchecked: below 4 it must be stopped
   */
  protected abstract header(type: number, length: number): Verdict;

  /** Shown every type byte whose length word is not there yet: true to stop before it. */
  protected abstract stopsAt(type: number): boolean;

  /** Shown the first byte of a body after the verdict `showBody`, unless the body is empty. */
  protected abstract bodyStart(byte: number): void;

  #stopAt(at: number): number {
    this.#stopped = true;
    return at;
  }

  #beginHeader(chunk: Buffer, at: number): number {
    this.#type = chunk[at] ?? 0;
    if (this.stopsAt(this.#type)) return this.#stopAt(at);
    this.#length = 0;
    for (let next = at + 1; next < chunk.length; next++) {
      this.#length = (this.#length << 8) | (chunk[next] ?? 0);
    }
    this.#headerBytes = chunk.length - at;
    return chunk.length;
  }

  /** @returns how many bytes of the chunk belong to the header; none if it is refused, since its beginning is passed on already */
  #finishHeader(chunk: Buffer): number {
    let at = 0;
    while (this.#headerBytes < HEADER_BYTES) {
      if (at === chunk.length) return at;
      this.#length = (this.#length << 8) | (chunk[at] ?? 0);
      this.#headerBytes++;
      at++;
    }
    this.#headerBytes = 0;
    const verdict = this.header(this.#type, this.#length);
    if (verdict === VERDICT.stop) {
      this.#headerBytes = HEADER_BYTES;
      return this.#stopAt(0);
    }
    this.#bodyLeft = this.#length - 4;
    this.#showBody = verdict === VERDICT.showBody && this.#bodyLeft > 0;
    return at;
  }
}
