/**
 * A peer's byte stream. Bytes are pushed into the sink that is set at the moment, so that the login's reader and the relay
 * can follow each other on one connection without a byte being handed over or lost.
 */

/** Who gets a transport's bytes and events. */
export interface TransportSink {
  /**
   * Bytes from the peer.
   * @param owned true: the chunk is the sink's for good. False: it is only valid during the call, unless the sink keeps it
   * @returns true to keep a chunk that is not owned: the transport reads on elsewhere, until the sink releases it
   */
  data(chunk: Buffer, owned: boolean): boolean;
  /** The peer will send no more; writing to it may still work. */
  end(): void;
  /** An earlier `write` answered false, and what was queued has been taken by the kernel. */
  drain(): void;
  /** The connection is gone in both directions. Called once, with what broke it, or null. */
  close(error: Error | null): void;
}

/** One connection after TLS has been settled. Made paused and without a sink. */
export interface Transport {
  readonly encrypted: boolean;
  /** Replaces the sink. Events that come while no sink is set are kept and given to the next one. */
  setSink(sink: TransportSink | null): void;
  /**
   * Never throws; what is written to a closed connection is dropped.
   * @param chunk must not be changed while `queuedBytes` is not 0
   * @returns false when the caller should wait for `drain`
   */
  write(chunk: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  /** The chunk that the sink kept last is not in use any more. Never calling it costs memory for a while, nothing else. */
  release(): void;
  /** Called in `TransportSink.data`: nothing large is expected next, so an idle connection need not hold a buffer for it. */
  lull(): void;
  /** Sends what is queued, then a FIN (over TLS close_notify first). Reading goes on. */
  end(): void;
  /** Closes at once; what is queued may be lost. */
  destroy(): void;
  /** Bytes that `write` took and the kernel did not yet. */
  readonly queuedBytes: number;
  readonly closed: boolean;
}
