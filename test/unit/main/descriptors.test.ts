import { describe, expect, it } from 'vitest';
import { descriptorBudget, descriptorShortage, limitIn } from '../../../src/main/life/descriptors.ts';

const NEEDS = { maxSessions: 10_000, maxPending: 1000, maxIdle: 50, storePool: 10, http: 500 };

describe('the limit on file descriptors', () => {
  it.each([
    ['Max open files            1024                 4096                 files     ', 1024],
    ['Max open files            unlimited            unlimited            files     ', null],
    ['Max processes             5                    5                    processes ', null],
    ['', null],
  ])('is read from %j', (line, expected) => {
    const head = 'Limit                     Soft Limit           Hard Limit           Units     ';
    expect(limitIn(`${head}\n${line}\n`)).toBe(expected);
  });
});

describe('what descriptors are enough for', () => {
  it.each([
    { limit: 1_048_576, workers: 1, sessions: 523_226, pending: 1000, http: 500 },
    // 4096 - 1000 - 50 - 10 - 2 × 256 - 64, two for each
    { limit: 4096, workers: 1, sessions: 1230, pending: 1000, http: 256 },
    // none for HTTP
    { limit: 4096, workers: 4, sessions: 5944, pending: 1000, http: 256 },
    // 256 - 64 - 32 - 10 - 2 × 16 - 64
    { limit: 256, workers: 1, sessions: 27, pending: 64, http: 16 },
    { limit: 64, workers: 1, sessions: 1, pending: 16, http: 4 },
  ])('limit $limit, workers $workers', ({ limit, workers, ...expected }) => {
    expect(descriptorBudget(limit, NEEDS, workers)).toEqual(expected);
  });

  it('is told with its arithmetic when it is less than was asked for', () => {
    expect(descriptorShortage(4096, NEEDS, 1)).toBe(
      'sessions.max = 10000 needs 22124 file descriptors (2 for each session, 1000 for logins under way, 50 for idle engine ' +
        'sessions, 10 for the store, 1000 for HTTP, 64 for the rest). The limit is 4096: enough for 1230 sessions, and more are refused. ' +
        'Raise it (LimitNOFILE=, ulimit -n) or lower sessions.max',
    );
    expect(descriptorShortage(4096, { ...NEEDS, maxSessions: 1230 }, 1)).toBeNull();
    expect(descriptorShortage(4096, { ...NEEDS, maxSessions: 0 }, 1)).toBeNull();
  });
});
