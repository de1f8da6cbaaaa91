/**
 * A peer's byte stream. Bytes are pushed into the sink that is set at the moment, so that the login's reader and the relay
 * can follow each other on one connection without a byte being handed over or lost.
 */

/**
 * What may be done with a chunk after the call that brought it. `owned`: everything, it is the sink's. `lent`: nothing, unless
 * the sink keeps it; the transport then reads on elsewhere until it is released. `fleeting`: nothing; copy what is needed.
 */
export type Tenure = 'owned' | 'lent' | 'fleeting';

/** Who gets a transport's bytes and events. */
export interface TransportSink {
  /**
   * Bytes from the peer.
   * @returns true to keep a chunk that is `lent`
   */
  data(chunk: Buffer, tenure: Tenure): boolean;
  /** The peer will send no more; writing to it may still work. */
  end(): void;
  /** An earlier `write` answered false, and nothing that was written is looked at any more. */
  drain(): void;
  /** The connection is gone in both directions. Called once for each sink, with what broke it, or null. */
  close(error: Error | null): void;
}

/** One connection after TLS has been settled. Made paused and without a sink. */
export interface Transport {
  readonly encrypted: boolean;
  /** True when a chunk is not looked at any more once `write` has answered true. */
  readonly writesAtOnce: boolean;
  /**
   * Replaces the sink. Bytes that come while no sink is set are kept and given to the next one. Each new sink is told, after
   * this call, that the peer has ended or that the connection is gone.
   */
  setSink(sink: TransportSink | null): void;
  /**
   * Never throws; what is written to a closed connection is dropped.
   * @param chunk must not be changed while it is in use: until `drain` after the answer false, and where not `writesAtOnce` ever
   * @returns false when the caller should wait for `drain`
   */
  write(chunk: Uint8Array): boolean;
  /** As `write`, for a chunk that changes after the call. */
  writeCopy(chunk: Uint8Array): boolean;
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
  /**
   * As `destroy`, and over TCP what the kernel has not sent yet is dropped and the peer's next write fails: by a reset. The peer of a
   * Unix socket needs none for that.
   */
  reset(): void;
  /** Bytes that `write` took and the kernel did not yet. */
  readonly queuedBytes: number;
  readonly closed: boolean;
}
