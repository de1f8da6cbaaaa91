import type { StoreTransaction } from './store.ts';

/**
 * What one process tells all others. Events are hints: whoever hears one reads the store again, so a lost or repeated
 * event does no harm.
 */
export type GatewayEvent =
  /** `exchange_ended`: not of the tokens themselves, but of an access token that one of them was exchanged for. */
  | {
      readonly kind: 'tokens';
      readonly tids: readonly string[];
      readonly change: 'revoked' | 'retired' | 'exchange_ended';
    }
  /** Disabled, enabled, removed, changed, or its privileges changed. */
  | { readonly kind: 'account'; readonly uid: string }
  /** Tokens of many users may be affected: policy, groups, privileges. */
  | { readonly kind: 'policy' }
  | {
      readonly kind: 'sessions.kill';
      readonly sids: readonly string[];
      readonly reason: string;
      readonly by: string;
    }
  /** A CancelRequest for a session of another process. The key itself does not travel. */
  | {
      readonly kind: 'cancel';
      readonly processId: number;
      /** SHA-256, hexadecimal */ readonly keyDigest: string;
    }
  /** Never published: events may have been missed, so whatever depends on them must be read again. */
  | { readonly kind: 'resync' }
  /** Never published: from here until `resync` nothing is heard. Said again each time that connecting fails. */
  | { readonly kind: 'deaf' };

export type PublishedEvent = Exclude<GatewayEvent, { kind: 'resync' | 'deaf' }>;

export interface EventBus {
  /** @param trx when given, the event is seen if and when that transaction commits */
  publish(event: PublishedEvent, trx?: StoreTransaction): Promise<void>;
  /** A listener that throws is logged. @returns a function that ends the subscription */
  subscribe(listener: (event: GatewayEvent) => void): () => void;
  close(): Promise<void>;
}
