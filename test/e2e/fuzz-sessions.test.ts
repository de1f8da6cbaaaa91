import { afterAll, beforeAll, expect, it } from 'vitest';
import { FUZZ_RUNS, FUZZ_SEED, mutated, randomNumbers } from '../protocol/mutate.ts';
import { int32, text, typed } from '../protocol/packets.ts';
import { eventually } from '../support/eventually.ts';
import { startGateway, type TestGateway, type TestUser } from '../support/gateway.ts';
import { queryOne } from '../support/query.ts';
import { openSession, ping } from '../support/session.ts';
import { WireClient } from '../support/wire-client.ts';

/** A session costs about two hundred times what a decoder does. */
const RUNS = Math.ceil(FUZZ_RUNS / 200);
const SYNC = typed('S');
const CORPUS = [
  typed('Q', text('select 1')),
  typed('Q', text('')),
  Buffer.concat([
    typed('P', text('s'), text('select $1::int'), Buffer.from([0, 0])),
    typed(
      'B',
      text(''),
      text('s'),
      Buffer.from([0, 0, 0, 1]),
      int32(1),
      Buffer.from('7'),
      Buffer.from([0, 0]),
    ),
    typed('D', Buffer.from('P'), text('')),
    typed('E', text(''), int32(0)),
    SYNC,
  ]),
  Buffer.concat([typed('C', Buffer.from('S'), text('s')), typed('H'), SYNC]),
  Buffer.concat([typed('Q', text('copy (select 1) to stdout')), typed('d', Buffer.from('x')), typed('c')]),
  Buffer.concat([typed('F', int32(0), Buffer.from([0, 0, 0, 0, 0, 0])), SYNC]),
  Buffer.concat([typed('f', text('no')), typed('Q', text('begin; select 1')), typed('X')]),
];

let gateway: TestGateway;
let ada: TestUser;

beforeAll(async () => {
  gateway = await startGateway({ 'tls.mode': 'prefer', 'pool.idle_timeout': '1s', 'log.level': 'warn' });
  ada = await gateway.addUser('ada');
});
afterAll(() => gateway.stop());

it('carries or ends whatever comes after a login, and the next session of the same user is clean', async () => {
  const random = randomNumbers(FUZZ_SEED);
  for (let run = 0; run < RUNS; run += 1) {
    const client = await WireClient.connect({ port: gateway.port });
    client.startup('ada', gateway.engine.name);
    await client.scram(ada.password);
    expect(await client.verdict()).toEqual({ ok: true });
    const bytes = mutated(CORPUS, random);
    for (let from = 0; from < bytes.length;) {
      const to = Math.min(bytes.length, from + 1 + random(300));
      client.send(bytes.subarray(from, to));
      from = to;
    }
    client.end();
    await client.rest();
    client.destroy();
    if (run % 20 === 0) {
      const { client: next } = await openSession(gateway.clientConfig('ada', ada.password));
      expect([run, await ping(next)]).toEqual([run, 1]);
      await next.end();
    }
  }
  expect(gateway.logged().filter(({ level }) => Number(level) >= 50 || level === 'error')).toEqual([]);
  const left = `select count(*)::int from pg_stat_activity
    where datname = '${gateway.engine.name}' and backend_type = 'client backend' and pid <> pg_backend_pid()`;
  await eventually(async () => expect(await queryOne(gateway.engine.url, left)).toBe(0));
}, 3_600_000);
