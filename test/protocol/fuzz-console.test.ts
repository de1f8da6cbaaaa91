import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemActor } from '../../src/accounts/actor.ts';
import { Secret } from '../../src/core/secret.ts';
import { factsOf, prepareConsole, Talk, type ConsoleGround } from '../unit/console/harness.ts';
import type { UserView } from '../../src/accounts/views.ts';
import { FUZZ_RUNS, FUZZ_SEED, mutated, randomNumbers } from './mutate.ts';
import { int32, text, typed } from './packets.ts';

/** A conversation costs about a hundred times what a decoder does. */
const RUNS = Math.ceil(FUZZ_RUNS / 50);
const SYNC = typed('S');
const TERMINATE = typed('X');

const query = (sql: Buffer): Buffer => typed('Q', sql, Buffer.of(0));
const prepared = (sql: string, value: string): Buffer =>
  Buffer.concat([
    typed('P', text('s'), text(sql), Buffer.from([0, 1]), int32(25)),
    typed('D', Buffer.from('S'), text('s')),
    typed(
      'B',
      text('p'),
      text('s'),
      Buffer.from([0, 0, 0, 1]),
      int32(value.length),
      Buffer.from(value),
      Buffer.from([0, 0]),
    ),
    typed('D', Buffer.from('P'), text('p')),
    typed('E', text('p'), int32(1)),
    typed('E', text('p'), int32(0)),
    typed('C', Buffer.from('P'), text('p')),
    SYNC,
  ]);

const STATEMENTS = [
  'show tokens; select 1, version(), current_user',
  "create token 'laptop' valid for '30 days'",
  "begin; set application_name = 'x'; show application_name; rollback",
  "revoke token '00000000-0000-4000-8000-000000000000'",
  "rotate token '00000000-0000-4000-8000-000000000000'",
  "kill session '00000000-0000-4000-8000-000000000000'",
  'show users; show sessions; show pools; show stats; show config; show version',
  'explain login for ada',
  "select label, expires_at from patgate.tokens where label like 'a%' order by 1 desc limit 3",
  `with x as (select "a"."b" as "c""d", e'\\x41\\u0041', $$q$$, 1.5e3::text from t a /* n /* m */ */) select * from x -- e`,
].map((sql) => Buffer.from(sql));

const MESSAGES = [
  ...STATEMENTS.map((sql) => query(sql)),
  prepared('select label from tokens where label = $1', 'a'),
  prepared("create token 'x' valid for $1", '1 day'),
  Buffer.concat([typed('F', int32(0), Buffer.alloc(6)), typed('d', Buffer.from('x')), typed('H'), SYNC]),
];

let ground: ConsoleGround;
let ada: UserView;
beforeAll(async () => {
  ground = await prepareConsole();
  ada = await ground.services.accounts.addUser(systemActor('test'), {
    name: 'ada',
    password: new Secret('correct horse'),
  });
});
afterAll(() => ground.close());

test('the SQL console answers or breaks off whatever is said to it, and none of it brings out a defect', async () => {
  const random = randomNumbers(FUZZ_SEED);
  let answered = 0;
  for (let run = 0; run < RUNS; run += 1) {
    // What goes wrong in the text of a statement leaves the messages whole.
    const bytes = random(2) === 0 ? mutated(MESSAGES, random) : query(mutated(STATEMENTS, random));
    const talk = new Talk(factsOf(ada), ground.deps);
    // What is still open in the bytes swallows some of what follows; the end of the line ends it.
    talk.send(bytes, SYNC, TERMINATE);
    talk.line.transport.end();
    for (let said = await talk.next(); said !== null; said = await talk.next())
      if (said.type === 'Z') answered += 1;
    await talk.close();
    const defects = ground.logged.filter((line) => line.includes('defect'));
    if (defects.length > 0) {
      throw new Error(`seed ${FUZZ_SEED}, run ${run}: ${bytes.toString('hex')}\n${defects.join('\n')}`);
    }
  }
  expect(answered).toBeGreaterThan(RUNS / 4);
}, 3_600_000);
