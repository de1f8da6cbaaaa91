import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { generateToken } from '../../../src/tokens/format.ts';
import { startWorld, type World } from './support/world.ts';

const FLOOD = 10_000;
const CONNECTIONS = 20;

let world: World;
beforeAll(async () => {
  world = await startWorld('flood');
});
afterAll(() => world.close());

function unknownBearers(count: number): readonly string[] {
  return Array.from({ length: count }, () => generateToken('pat').reveal());
}

/** Sends them all, without waiting for answers. @returns how often each status came */
async function flood(bearers: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const share = Math.ceil(bearers.length / CONNECTIONS);
  const answers = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, n) => pipelined(bearers.slice(n * share, (n + 1) * share))),
  );
  const tally = new Map<string, number>();
  for (const [, status = ''] of answers.join('').matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
    tally.set(status, (tally.get(status) ?? 0) + 1);
  }
  return tally;
}

async function pipelined(bearers: readonly string[]): Promise<string> {
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1');
  const requests = bearers.map(
    (bearer, n) =>
      `GET /api/v1/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bearer}\r\n` +
      `Connection: ${n === bearers.length - 1 ? 'close' : 'keep-alive'}\r\n\r\n`,
  );
  socket.write(requests.join(''));
  return text(socket);
}

describe('ten thousand bad bearers', () => {
  /** Every look-up of a token is one of these; they go on to the store as ever. */
  let reads: MockInstance;
  const lookUps = () => reads.mock.calls.length;
  beforeEach(() => {
    vi.restoreAllMocks();
    reads = vi.spyOn(world.store, 'read');
  });

  it('that have not a token’s shape never reach the store', async () => {
    const tally = await flood(Array.from({ length: FLOOD }, (_, n) => `pat_${String(n).padStart(49, '0')}`));
    expect([...tally]).toEqual([['401', FLOOD]]);
    expect(lookUps()).toBe(0);
  });

  it('that have it cost a bounded number of look-ups, and who shares their address goes on', async () => {
    const { uid, name, password } = await world.person('ada');
    const { token } = await world.issue({ uid });
    expect((await world.call('GET', '/api/v1/me', { as: token })).status).toBe(200);
    reads.mockClear();
    const [startedAt, flooding] = [Date.now(), flood(unknownBearers(FLOOD))];
    let beside = 0;
    for (let n = 0; n < 5; n += 1) {
      const login = await world.call('POST', '/api/v1/session', { body: { name, password } });
      expect(login.status).toBe(201);
      const { token: session } = login.json() as { token: string };
      expect((await world.call('GET', '/api/v1/me', { as: session })).status).toBe(200);
      expect((await world.call('GET', '/api/v1/me', { as: token })).status).toBe(200);
      beside += 3;
    }
    const tally = await flooding;
    const seconds = (Date.now() - startedAt) / 1000;
    const [refused = 0, limited = 0] = [tally.get('401'), tally.get('429')];
    expect(refused + limited).toBe(FLOOD);
    // A burst of 50 from one address, ten a second while it lasts, and what was under way when that was used up.
    expect(refused).toBeLessThanOrEqual(50 + 10 * seconds + 6);
    expect(lookUps()).toBeLessThanOrEqual(refused + 5 * beside);
  });

  it('do not keep out for long a good token that was never seen', async () => {
    const { uid } = await world.person('grace');
    const { token } = await world.issue({ uid });
    await flood(unknownBearers(500));
    const first = await world.call('GET', '/api/v1/me', { as: token });
    if (first.status === 429) expect(first.headers.get('retry-after')).toBe('1');
    await expect
      .poll(async () => (await world.call('GET', '/api/v1/me', { as: token })).status, {
        timeout: 2000,
        interval: 100,
      })
      .toBe(200);
  });

  it('do not stand for many good ones that come at once', async () => {
    const { uid } = await world.person('mary');
    await world.withPolicy({ maxLiveTokensPerUser: 128 }, async () => {
      const issued = await Promise.all(Array.from({ length: 80 }, () => world.issue({ uid })));
      expect([...(await flood(issued.map(({ token }) => token)))]).toEqual([['200', issued.length]]);
    });
  });

  it('that are one and the same cost one look-up for each connection at most', async () => {
    const [bearer = ''] = unknownBearers(1);
    const tally = await flood(Array.from({ length: FLOOD }, () => bearer));
    expect((tally.get('401') ?? 0) + (tally.get('429') ?? 0)).toBe(FLOOD);
    expect(lookUps()).toBeLessThanOrEqual(CONNECTIONS);
  });
});
