import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHasher } from '../../../src/login/hasher.ts';
import { startLoginServer, type LoginServer } from '../../support/login-server.ts';
import { MemoryCredentials } from '../../support/memory-credentials.ts';
import { WireClient, type Verdict } from '../../support/wire-client.ts';

const WAITING = 8;
const PER_ADDRESS = 3;

let server: LoginServer;

beforeAll(async () => {
  const credentials = new MemoryCredentials();
  await credentials.addUser('ada', { password: 'right' });
  server = await startLoginServer({ credentials, method: 'cleartext' });
});

afterAll(() => server.close());

async function asked(address: string, user: string): Promise<WireClient> {
  const client = await WireClient.connect({ port: server.port, tls: true, localAddress: address });
  client.startup(user);
  await client.authentication();
  return client;
}

test('guesses from a few addresses that fill the queue for argon2 do not keep out who comes from another', async () => {
  const hasher = createHasher({ running: 1, waiting: WAITING, waitingPerLane: PER_ADDRESS });
  server.deps = { ...server.deps, hasher };
  const good = await asked('127.0.0.9', 'ada');
  const guesses: WireClient[] = [];
  for (const last of [1, 2, 3, 4])
    for (let n = 0; n < PER_ADDRESS; n++)
      guesses.push(await asked(`127.0.0.${last}`, `made up ${last} ${n}`));
  // For as long as this takes, half a second or so, nobody's turn comes.
  const before = hasher.pbkdf2(Buffer.from('x'), Buffer.from('y'), 1_000_000, 'before');
  const verdicts: Promise<Verdict>[] = [];
  for (const guess of guesses) verdicts.push(guess.password('wrong').verdict());
  for (let refused = 0; refused < guesses.length - WAITING; refused++) {
    expect(await server.ending()).toMatchObject({ kind: 'refused', error: { code: 'login.overloaded' } });
  }
  expect(await good.password('right').verdict()).toEqual({ ok: true });
  await before;
  const states = (await Promise.all(verdicts)).map((verdict) => verdict?.ok === false && verdict.sqlState);
  expect(states.filter((state) => state === '53300').length).toBeGreaterThan(guesses.length - WAITING);
  expect(states.filter((state) => state === '28P01').length).toBeGreaterThan(0);
  for (const client of [good, ...guesses]) client.destroy();
});
