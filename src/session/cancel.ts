import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import { addressBlock } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { describeError } from '../core/errors.ts';
import type { EngineSession } from '../upstream/open.ts';
import type { SessionRegistry } from './registry.ts';
import { TokenBuckets } from './token-buckets.ts';

/** What a CancelRequest says, and where it came from. */
export interface CancelKey {
  readonly processId: number;
  readonly key: Buffer;
  readonly address: string;
}

/** A cancel request on its way to the process that owns the session; the key travels as a digest. */
export interface RemoteCancel {
  readonly processId: number;
  readonly keyDigest: string;
}

export interface CancelDeps {
  readonly registry: SessionRegistry;
  readonly cancelEngine: (session: EngineSession) => Promise<void>;
  /** Shared by all processes; keys the digests, so that a four-byte key cannot be searched from what the store holds. */
  readonly digestKey: KeyObject;
  readonly log: Log;
}

/** @returns whether a session of this process has that key; what it runs has then been cancelled */
export async function cancelHere({ processId, key }: CancelKey, deps: CancelDeps): Promise<boolean> {
  const session = deps.registry.findByCancelKey(processId, key);
  if (session === undefined) return false;
  await cancelQuietly(session.engine, deps);
  return true;
}

/** How many keys that nobody here knows are passed on: of one block of addresses, and in all. */
export interface CancelGuesses {
  /** How many keys of one block all processes of this gateway are asked for; those that one of them knows do not count. */
  readonly asked: TokenBuckets;
  readonly ofBlock: TokenBuckets;
  readonly inAll: TokenBuckets;
}

const GUESSES_OF_BLOCK = { burst: 20, perSecond: 2, maxKeys: 10_000 };
/** A pool that gives up may cancel all that it runs at once. */
const ASKED_OF_BLOCK = { burst: 200, perSecond: 20, maxKeys: 10_000 };
/** So much more that whoever floods does not keep others from cancelling what they run on another gateway. */
const GUESSES_IN_ALL = { burst: 200, perSecond: 20, maxKeys: 1 };

export function createCancelGuesses(clock: Clock): CancelGuesses {
  return {
    asked: new TokenBuckets(ASKED_OF_BLOCK, clock),
    ofBlock: new TokenBuckets(GUESSES_OF_BLOCK, clock),
    inAll: new TokenBuckets(GUESSES_IN_ALL, clock),
  };
}

export interface ForwardDeps {
  /** Tells the other gateways. */
  readonly publish: (cancel: RemoteCancel) => Promise<void>;
  readonly guesses: CancelGuesses;
  readonly digestKey: KeyObject;
  readonly log: Log;
}

/**
 * Passes on a key that no session of this gateway has: it may belong to another one. It travels as a digest, and only as long as
 * its sender has not used up what guessing is allowed to cost.
 */
export async function forwardCancel(asked: CancelKey, deps: ForwardDeps): Promise<void> {
  const { processId, key, address } = asked;
  const { ofBlock, inAll } = deps.guesses;
  const withinLimits = ofBlock.take(addressBlock(address)) && inAll.take('');
  deps.log.debug({ address, forwarded: withinLimits }, 'cancel request with a key of no session here');
  if (!withinLimits) return;
  await deps.publish({ processId, keyDigest: digestOf(processId, key, deps.digestKey).toString('hex') });
}

/**
 * Asks the other processes of this gateway for a key that one of them does not know, before other gateways are asked.
 * @param ask whether one of them has cancelled what the session with that key runs
 */
export async function cancelNearby(
  asked: CancelKey,
  guesses: CancelGuesses,
  ask: () => Promise<boolean>,
): Promise<boolean> {
  const block = addressBlock(asked.address);
  if (!guesses.asked.take(block)) return false;
  const known = await ask();
  if (known) guesses.asked.giveBack(block);
  return known;
}

/** A cancel request that landed on another gateway. */
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
