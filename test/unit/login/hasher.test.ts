import { pbkdf2Sync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createHasher, hasherLimits } from '../../../src/login/hasher.ts';

const hasher = createHasher();

describe('hasher', () => {
  test('PBKDF2 as Node computes it', async () => {
    const [password, salt] = [Buffer.from('pencil'), Buffer.from('salt')];
    expect(await hasher.pbkdf2(password, salt, 4096)).toEqual(pbkdf2Sync(password, salt, 4096, 32, 'sha256'));
  });

  test('argon2id with 19 MiB and two passes, told apart from other passwords', async () => {
    const hash = await hasher.argon2Hash('pencil');
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await hasher.argon2Verify(hash, 'pencil')).toBe(true);
    expect(await hasher.argon2Verify(hash, Buffer.from('pencil'))).toBe(true);
    expect(await hasher.argon2Verify(hash, 'pencils')).toBe(false);
    expect(await hasher.argon2VerifyNobody('pencil')).toBe(false);
  });

  test('a password typed in another normal form is the same password', async () => {
    const hash = await hasher.argon2Hash('caf\u00e9');
    expect(await hasher.argon2Verify(hash, 'cafe\u0301')).toBe(true);
  });

  test('says so when too many wait', async () => {
    const small = createHasher({ running: 1, waiting: 1, waitingPerLane: 1 });
    const verdicts = await Promise.allSettled(
      ['a', 'b', 'c'].map((lane) => small.pbkdf2(Buffer.from('x'), Buffer.from('y'), 1000, lane)),
    );
    expect(verdicts.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    await expect(
      Promise.all(['a', 'b', 'c'].map((lane) => small.argon2VerifyNobody('x', lane))),
    ).rejects.toMatchObject({ code: 'login.overloaded', client: { sqlState: '53300', severity: 'FATAL' } });
  });

  test('says so, too, to whoever has to make room; the gateway\u2019s own people do not', async () => {
    const small = createHasher({ running: 1, waiting: 2, waitingPerLane: 2 });
    const verdicts = await Promise.allSettled(
      ['a', 'a', 'a', undefined, undefined, 'b'].map((lane) => small.argon2VerifyNobody('x', lane)),
    );
    expect(verdicts.map(({ status }) => status === 'fulfilled')).toEqual([
      true,
      false,
      false,
      true,
      true,
      false,
    ]);
    expect(verdicts[2]).toMatchObject({
      reason: { code: 'login.overloaded', client: { sqlState: '53300' } },
    });
  });

  test.each([
    { pool: 4, cores: 2, running: 1 },
    { pool: 4, cores: 8, running: 2 },
    { pool: 16, cores: 8, running: 7 },
    { pool: 1, cores: 1, running: 1 },
  ])('$pool pool threads on $cores cores: $running at once', ({ pool, cores, running }) => {
    expect(hasherLimits(pool, cores).running).toBe(running);
  });
});
