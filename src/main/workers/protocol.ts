import type { Attempt } from '../../accounts/guess-guard.ts';
import type { CancelKey } from '../../session/cancel.ts';
import type { Place } from '../../session/places.ts';
import type { EmbeddedEngine } from '../engine-options.ts';
import type { CertificateFiles } from '../ground.ts';
import type { Room } from '../life/descriptor-watch.ts';

/** What one end of a channel can be asked, with question and answer, and what it can be told. */
export interface Side {
  readonly asks: Readonly<Record<string, readonly [question: unknown, answer: unknown]>>;
  readonly news: Readonly<Record<string, unknown>>;
}

/** Everything that a worker needs; secrets are in the clear, as `pack` leaves them. */
export interface StartOrder {
  readonly worker: number;
  readonly config: unknown;
  readonly certificates: CertificateFiles | null;
  readonly storeUrl: string;
  readonly storePoolSize: number;
  readonly embedded: { readonly engineUrl: string; readonly passwordsFile: string } | null;
  readonly fingerprintKey: Buffer;
}

export interface NewSettings {
  readonly config: unknown;
  readonly certificates: CertificateFiles | null;
}

/** How a login that was let in came out. */
export type GuessOutcome =
  | { readonly kind: 'failed'; readonly fingerprint: string | null }
  | { readonly kind: 'succeeded' | 'dropped' };

/** A worker: carries sessions, and asks its parent for what all of them count together. */
export interface WorkerSide extends Side {
  readonly asks: {
    readonly start: readonly [StartOrder, null];
    readonly ping: readonly [null, null];
    readonly cancel: readonly [CancelKey, boolean];
    /** As prom-client's `getMetricsAsJSON` gives them. */
    readonly metrics: readonly [null, readonly object[]];
    /** Gets ready for other settings; `commit` takes them over, the next `prepare` forgets them. */
    readonly prepare: readonly [NewSettings, null];
    readonly drain: readonly [graceMs: number, null];
    readonly close: readonly [null, null];
  };
  readonly news: {
    /** Comes with a socket; the number is for `settled` and `closed`. */
    readonly connection: number;
    /** Its place is needed for somebody else; means nothing once it has logged in. */
    readonly evict: number;
    readonly commit: null;
    readonly reopenLog: null;
  };
}

/** The process that listens, and decides what concerns all workers. */
export interface ParentSide extends Side {
  readonly asks: {
    /** Answers a ticket for `mayTest` and `guess`. */
    readonly admit: readonly [Attempt, number];
    /** With that ticket, right before a secret is tested. */
    readonly mayTest: readonly [number, null];
    /** Answers a ticket for `release`. */
    readonly take: readonly [readonly Place[], number];
    readonly cancel: readonly [CancelKey, null];
  };
  readonly news: {
    readonly guess: { readonly ticket: number; readonly outcome: GuessOutcome };
    readonly release: number;
    readonly settled: number;
    /** A balancer told whose connection it is. */
    readonly client: { readonly number: number; readonly address: string };
    readonly closed: number;
    /** For how much its file descriptors are enough, when that has changed; at first they are. */
    readonly room: Room;
  };
}

export function embeddedOf(engine: EmbeddedEngine | null): StartOrder['embedded'] {
  if (engine === null) return null;
  return { engineUrl: engine.engineUrl.reveal(), passwordsFile: engine.passwordsFile };
}
