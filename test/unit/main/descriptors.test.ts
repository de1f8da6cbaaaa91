import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { descriptorBudget, descriptorLimit, descriptorShortage } from '../../../src/main/life/descriptors.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const NEEDS = { maxSessions: 10_000, maxPending: 1000, maxIdle: 50, storePool: 10 };

describe('the limit on file descriptors', () => {
  it.each([
    ['Max open files            1024                 4096                 files     ', 1024],
    ['Max open files            unlimited            unlimited            files     ', null],
    ['Max processes             5                    5                    processes ', null],
  ])('is read from %j', async (line, expected) => {
    const file = path.join(await temporaryDirectory(), 'limits');
    writeFileSync(
      file,
      `Limit                     Soft Limit           Hard Limit           Units     \n${line}\n`,
    );
    expect(descriptorLimit(file)).toBe(expected);
  });

  it('is not known where there is no /proc', () => {
    expect(descriptorLimit('/nonexistent/limits')).toBeNull();
  });
});

describe('what descriptors are enough for', () => {
  it.each([
    { limit: 1_048_576, workers: 1, sessions: 523_726, pending: 1000 },
    // 4096 - 1000 - 50 - 10 - 64, two for each
    { limit: 4096, workers: 1, sessions: 1486, pending: 1000 },
    { limit: 4096, workers: 4, sessions: 5944, pending: 1000 },
    // 256 - 64 - 32 - 10 - 64
    { limit: 256, workers: 1, sessions: 43, pending: 64 },
    { limit: 64, workers: 1, sessions: 1, pending: 16 },
  ])('limit $limit, workers $workers', ({ limit, workers, sessions, pending }) => {
    expect(descriptorBudget(limit, NEEDS, workers)).toEqual({ sessions, pending });
  });

  it('is told with its arithmetic when it is less than was asked for', () => {
    expect(descriptorShortage(4096, NEEDS, 1)).toBe(
      'sessions.max = 10000 needs 21124 file descriptors (2 for each session, 1000 for logins under way, 50 for idle engine ' +
        'sessions, 10 for the store, 64 for the rest). The limit is 4096: enough for 1486 sessions, and more are refused. ' +
        'Raise it (LimitNOFILE=, ulimit -n) or lower sessions.max',
    );
    expect(descriptorShortage(4096, { ...NEEDS, maxSessions: 1486 }, 1)).toBeNull();
    expect(descriptorShortage(4096, { ...NEEDS, maxSessions: 0 }, 1)).toBeNull();
  });
});
