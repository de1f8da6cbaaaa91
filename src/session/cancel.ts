import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { describeError } from '../core/errors.ts';
import type { EngineSession } from '../upstream/open.ts';
import type { CancelAsked } from './admit.ts';
import type { SessionRegistry } from './registry.ts';
import type { TokenBuckets } from './token-buckets.ts';

/** A cancel request on its way to the process that owns the session; the key travels as a digest. */
export interface RemoteCancel {
  readonly processId: number;
  readonly keyDigest: string;
}

export interface CancelDeps {
  readonly registry: SessionRegistry;
  readonly cancelEngine: (session: EngineSession) => Promise<void>;
  /** Tells the other processes; null when this one is alone. */
  readonly forward: ((cancel: RemoteCancel) => Promise<void>) | null;
  /** Unknown keys, by address: what guessing may cost. */
  readonly unknownKeys: TokenBuckets;
  /** Shared by all processes; keys the digests, so that a four-byte key cannot be searched from what the store holds. */
  readonly digestKey: KeyObject;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Acts on a CancelRequest. The client learns nothing either way, as with PostgreSQL. A key that this process does not know
 * may belong to another one; it is passed on as a digest unless its sender has used up what guessing is allowed to cost.
 */
export async function cancelRequested(asked: CancelAsked, deps: CancelDeps): Promise<void> {
  const session = deps.registry.findByCancelKey(asked.processId, asked.key);
  if (session !== undefined) {
    await cancelQuietly(session.engine, deps);
    return;
  }
  const withinLimits = deps.unknownKeys.take(asked.peer.address) && deps.unknownKeys.take('everybody');
  deps.log.debug(
    { address: asked.peer.address, forwarded: withinLimits },
    'cancel request with a key of no session here',
  );
  if (!withinLimits || deps.forward === null) return;
  await deps.forward({
    processId: asked.processId,
    keyDigest: digestOf(asked.processId, asked.key, deps.digestKey).toString('hex'),
  });
}

/** A cancel request that landed on another process. */
export async function cancelForwarded(cancel: RemoteCancel, deps: CancelDeps): Promise<void> {
  const wanted = Buffer.from(cancel.keyDigest, 'hex');
  for (const session of deps.registry.all()) {
    if (session.engine.processId !== cancel.processId) continue;
    const own = digestOf(cancel.processId, session.cancelSecret, deps.digestKey);
    if (own.length === wanted.length && timingSafeEqual(own, wanted))
      await cancelQuietly(session.engine, deps);
  }
}

function digestOf(processId: number, secret: Buffer, key: KeyObject): Buffer {
  return createHmac('sha256', key).update(`cancel:${processId}:`).update(secret).digest();
}

async function cancelQuietly(engine: EngineSession, deps: CancelDeps): Promise<void> {
  try {
    await deps.cancelEngine(engine);
  } catch (error) {
    deps.log.warn(
      { engine: engine.engine, error: describeError(error) },
      'cancel request did not reach the engine',
    );
  }
}
