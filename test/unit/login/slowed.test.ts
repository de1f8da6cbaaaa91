import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { DEFAULT_THROTTLE, Throttle } from '../../../src/login/throttle.ts';
import { startLoginServer, type LoginServer } from '../../support/login-server.ts';
import { MemoryCredentials, randomText } from '../../support/memory-credentials.ts';
import { WireClient, type Verdict } from '../../support/wire-client.ts';

const credentials = new MemoryCredentials();
let server: LoginServer;
let revoked = '';

beforeAll(async () => {
  server = await startLoginServer({ credentials });
  const ada = await credentials.addUser('ada', { password: 'right' });
  ({ text: revoked } = await credentials.addToken(ada, { revokedAt: new Date() }));
});

afterAll(() => server.close());

/** Waits are long, so that no test is over before one ends. */
function throttled(free: number, freeUnguessable = DEFAULT_THROTTLE.freeUnguessable): void {
  const options = {
    ...DEFAULT_THROTTLE,
    ...{ free, freeUnguessable, firstWaitMs: 60_000, longestWaitMs: 60_000 },
  };
  server.deps = { ...server.deps, throttle: new Throttle(systemClock, options) };
}

async function attempt(user: string, secret: string): Promise<{ verdict: Verdict; types: string }> {
  const client = await WireClient.connect({ port: server.port, tls: true });
  client.startup(user);
  let verdict: Verdict = null;
  try {
    if (server.deps.method === 'cleartext') {
      await client.authentication();
      client.password(secret);
    } else {
      await client.scram(secret, { endPointHash: server.endPointHash });
    }
    verdict = await client.verdict();
  } catch (error) {
    if (typesSeen(client) !== 'E') throw error;
  }
  await server.ending();
  client.destroy();
  return { verdict, types: typesSeen(client) };
}

function typesSeen({ seen }: WireClient): string {
  return seen.map(({ type }) => type).join('');
}

describe.each(['scram-sha-256', 'cleartext'] as const)('guesses by %s', (method) => {
  test.each(['ada', 'nobody'])('of %s are slowed down before any question', async (user) => {
    throttled(3);
    server.deps = { ...server.deps, method };
    for (let i = 0; i < 4; i += 1) {
      expect((await attempt(user, randomText())).verdict).toMatchObject({ sqlState: '28P01' });
    }
    credentials.calls.length = 0;
    expect((await attempt(user, 'right')).types).toBe('E');
    expect(credentials.calls).toEqual([]);
  });

  test('made at the same time are not more', async () => {
    throttled(3);
    server.deps = { ...server.deps, method };
    const burst = await Promise.all(Array.from({ length: 30 }, () => attempt('ada', randomText())));
    const states = burst.map(({ verdict }) => (verdict !== null && !verdict.ok ? verdict.sqlState : verdict));
    expect(states.filter((state) => state === '28P01')).toHaveLength(4);
    expect(burst.every(({ types }) => types.endsWith('E'))).toBe(true);
  });

  test('do not disturb a pool that opens many connections at once', async () => {
    throttled(3);
    server.deps = { ...server.deps, method };
    const burst = await Promise.all(Array.from({ length: 30 }, () => attempt('ada', 'right')));
    expect(burst.filter(({ verdict }) => verdict?.ok === true)).toHaveLength(30);
  });

  test('of one name leave others alone', async () => {
    throttled(0);
    server.deps = { ...server.deps, method };
    await attempt('bob', 'wrong');
    expect((await attempt('bob', 'wrong')).types).toBe('E');
    expect((await attempt('ada', 'right')).verdict).toEqual({ ok: true });
  });

  test('a pool that keeps a revoked token locks nobody out', async () => {
    throttled(1);
    server.deps = { ...server.deps, method };
    for (let i = 0; i < 10; i += 1) {
      expect((await attempt('ada', revoked)).verdict).toMatchObject({ sqlState: '28P01' });
    }
    expect((await attempt('ada', 'right')).verdict).toEqual({ ok: true });
  });
});

test('a pool that keeps an old password in cleartext locks nobody out', async () => {
  throttled(1);
  server.deps = { ...server.deps, method: 'cleartext' };
  for (let i = 0; i < 5; i += 1) await attempt('ada', 'old');
  expect((await attempt('ada', 'right')).verdict).toEqual({ ok: true });
});

test('pools that keep revoked tokens, each its own, lock nobody behind their address out of $token', async () => {
  throttled(1, 30);
  const ada = await credentials.addUser('with pools', {});
  const dead = await Promise.all(
    Array.from({ length: 20 }, async () => (await credentials.addToken(ada, { revokedAt: new Date() })).text),
  );
  const { text: good } = await credentials.addToken(ada, {});
  server.deps = { ...server.deps, method: 'cleartext' };
  for (let round = 0; round < 3; round += 1) {
    for (const token of dead) {
      expect((await attempt('$token', token)).verdict).toMatchObject({ sqlState: '28P01' });
    }
  }
  expect((await attempt('$token', good)).verdict).toEqual({ ok: true });
});

test('refusals for want of TLS do not count', async () => {
  throttled(0);
  server.deps = { ...server.deps, method: 'cleartext' };
  for (let i = 0; i < 5; i += 1) {
    const client = (await WireClient.connect({ port: server.port })).startup('ada');
    expect(await client.verdict()).toMatchObject({ sqlState: '28000' });
    await server.ending();
  }
  expect((await attempt('ada', 'right')).verdict).toEqual({ ok: true });
});
