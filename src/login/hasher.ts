import { pbkdf2 } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import argon2 from 'argon2';
import type { Hasher } from '../accounts/hasher.ts';
import { fatal, GatewayError } from '../core/errors.ts';
import { KEY_LENGTH } from '../scram/keys.ts';
import { preparePassword } from '../scram/saslprep.ts';
import { FairQueue, type FairQueueOptions } from '../core/fair-queue.ts';

const pbkdf2Async = promisify(pbkdf2);

/** OWASP's Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane. About 30 ms. */
const ARGON2ID = { type: argon2.argon2id, memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 } as const;
/** libuv's size of the thread pool when UV_THREADPOOL_SIZE is not set. */
const DEFAULT_POOL_SIZE = 4;

/**
 * Half of libuv's thread pool at most, which DNS and files need too, and a core less than there are, so that sessions keep
 * one. About 250 jobs of 30 ms may wait: 7 s of work, well within login.timeout.
 */
export function hasherLimits(poolSize: number, cores: number = availableParallelism()): FairQueueOptions {
  return {
    running: Math.max(1, Math.min(Math.floor(poolSize / 2), cores - 1)),
    waiting: 250,
    waitingPerLane: 32,
  };
}

/** Runs argon2 and PBKDF2 on libuv's thread pool, taking callers in turn. */
export function createHasher(limits: FairQueueOptions = hasherLimits(threadPoolSize())): Hasher {
  const queue = new FairQueue(limits);
  const run = <T>(lane: string | undefined, job: () => Promise<T>): Promise<T> =>
    queue.run(lane ?? null, job, overloaded);
  return {
    pbkdf2: (password, salt, iterations, lane) =>
      run(lane, () => pbkdf2Async(password, salt, iterations, KEY_LENGTH, 'sha256')),
    argon2Hash: (password, lane) => run(lane, () => argon2.hash(preparePassword(password), ARGON2ID)),
    argon2Verify: (hash, password, lane) => run(lane, () => argon2.verify(hash, preparePassword(password))),
    argon2VerifyNobody: (password, lane) =>
      run(lane, async () => {
        await argon2.hash(preparePassword(password), ARGON2ID);
        return false as const;
      }),
  };
}

function threadPoolSize(): number {
  const size = Number(process.env['UV_THREADPOOL_SIZE']);
  return Number.isInteger(size) && size > 0 ? size : DEFAULT_POOL_SIZE;
}

function overloaded(): GatewayError {
  return new GatewayError(
    'login.overloaded',
    'too many logins are waiting for a password hash',
    fatal('53300', 'sorry, too many logins at once: try again in a moment'),
  );
}
