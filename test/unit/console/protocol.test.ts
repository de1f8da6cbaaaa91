import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Scope } from '../../../src/accounts/actor.ts';
import type { UserView } from '../../../src/accounts/views.ts';
import type { ConsoleDeps } from '../../../src/console/console.ts';
import { Secret } from '../../../src/core/secret.ts';
import { int32, text, typed } from '../../protocol/packets.ts';
import { addUser, issueTo, PASSWORD, ROOT } from '../../support/services.ts';
import { cellsOf, factsOf, fieldsOf, inShort, prepareConsole, Talk, type ConsoleGround } from './harness.ts';

const int16 = (value: number): Buffer => Buffer.of((value >> 8) & 0xff, value & 0xff);
const query = (sql: string): Buffer => typed('Q', text(sql));
const parse = (sql: string, name = '', types: readonly number[] = []): Buffer =>
  typed('P', text(name), text(sql), int16(types.length), ...types.map(int32));
const describeOf = (of: 'S' | 'P', name = ''): Buffer => typed('D', Buffer.from(of), text(name));
const closeOf = (of: 'S' | 'P', name = ''): Buffer => typed('C', Buffer.from(of), text(name));
const execute = (maxRows = 0, portal = ''): Buffer => typed('E', text(portal), int32(maxRows));
const SYNC = typed('S');
const FLUSH = typed('H');

interface BindOptions {
  readonly portal?: string;
  readonly statement?: string;
  readonly formats?: readonly number[];
  readonly results?: readonly number[];
}

function bind(values: readonly (string | Buffer | null)[] = [], options: BindOptions = {}): Buffer {
  const { portal = '', statement = '', formats = [], results = [] } = options;
  const counted = values.map((value) => {
    if (value === null) return int32(-1);
    const bytes = Buffer.from(value as string);
    return Buffer.concat([int32(bytes.length), bytes]);
  });
  return typed(
    'B',
    ...[text(portal), text(statement), int16(formats.length), ...formats.map(int16)],
    ...[int16(values.length), ...counted, int16(results.length), ...results.map(int16)],
  );
}

let ground: ConsoleGround;
let ada: UserView;
const talks: Talk[] = [];

function talk(deps: Partial<ConsoleDeps> = {}, parameters: Record<string, string> = {}): Talk {
  const opened = new Talk(factsOf(ada), { ...ground.deps, ...deps }, parameters);
  talks.push(opened);
  return opened;
}

beforeAll(async () => {
  ground = await prepareConsole();
  ada = await addUser(ground.services, { name: 'ada' });
});
afterEach(async () => {
  await Promise.all(talks.splice(0).map((each) => each.close()));
});
afterAll(() => ground.close());

describe('simple queries', () => {
  test.each([
    ['', 'I Z:I'],
    [' ; -- nothing', 'I Z:I'],
    ['SHOW VERSION', 'T D C:SHOW Z:I'],
    ['select 1; select 2', 'T D C:SELECT 1 T D C:SELECT 1 Z:I'],
    ['select 1; select 2 from orders; select 3', 'E:42P01 Z:I'],
    ["select 1; REVOKE TOKEN 'x'; select 3", 'T D C:SELECT 1 E:42704 Z:I'],
    ['BEGIN; select 1', 'C:BEGIN T D C:SELECT 1 Z:T'],
    ['BEGIN; SHOW nonsense; COMMIT', 'C:BEGIN T E:42704 Z:E'],
    ['select $1', 'E:42P02 Z:I'],
    ['COMMIT', 'N:25P01 C:COMMIT Z:I'],
    ['BEGIN; BEGIN; END', 'C:BEGIN N:25001 C:BEGIN C:COMMIT Z:I'],
    ['SAVEPOINT a', 'E:25P01 Z:I'],
    ['BEGIN; SAVEPOINT a; ROLLBACK TO b', 'C:BEGIN C:SAVEPOINT E:3B001 Z:E'],
    ['SET application_name = x', 'S C:SET Z:I'],
    ['SET search_path = x; SHOW search_path', 'C:SET T D C:SHOW Z:I'],
    ['SET server_version = 1', 'E:55P02 Z:I'],
    ["SET client_encoding = 'LATIN1'", 'E:0A000 Z:I'],
    ['SET standard_conforming_strings = off', 'E:0A000 Z:I'],
    ["SET statement_timeout = 'soon'", 'E:22023 Z:I'],
    ['DISCARD ALL', 'C:DISCARD ALL Z:I'],
    ['BEGIN; DISCARD ALL', 'C:BEGIN E:25001 Z:E'],
    ['DEALLOCATE ALL; DEALLOCATE x', 'C:DEALLOCATE ALL E:26000 Z:I'],
    ['COPY tokens FROM STDIN', 'E:0A000 Z:I'],
    ['SHOW USERS', 'T E:42501 Z:I'],
    ['SHOW POOLS', 'T E:42501 Z:I'],
    ['SHOW CONFIG', 'T E:42501 Z:I'],
    ['SHOW ALL TOKENS', 'T E:42501 Z:I'],
    ['select count(*) from pg_class', 'T D C:SELECT 1 Z:I'],
    ['select relname from pg_class', 'T C:SELECT 0 Z:I'],
    ['select x()', 'E:0A000 Z:I'],
    ['select x', 'E:42703 Z:I'],
  ])('%j', async (sql, expected) => {
    expect(await talk().ask(query(sql))).toBe(expected);
  });

  test('SHOW CONFIG is for administrators, and by a token for those with the scope for that', async () => {
    const boss = await addUser(ground.services);
    await ground.services.accounts.grant(ROOT, 'admin', { kind: 'user', name: boss.name });
    const byToken = async (scopes: Scope[]): Promise<string> => {
      const { info } = await issueTo(ground.services, boss, { scopes });
      const client = new Talk(
        factsOf(boss, { provedBy: 'token', token: { ...info, exchange: null } }),
        ground.deps,
      );
      talks.push(client);
      const answer = await client.ask(query('SHOW CONFIG'));
      return answer.includes('E:42501') ? 'refused' : 'shown';
    };
    expect(await byToken([])).toBe('refused');
    expect(await byToken(['tokens'])).toBe('refused');
    expect(await byToken(['accounts'])).toBe('shown');
  });

  test('a failed transaction takes nothing but its end', async () => {
    const client = talk();
    expect(await client.ask(query('BEGIN; SAVEPOINT a; nonsense'))).toBe('E:42601 Z:I');
    expect(await client.ask(query('BEGIN'))).toBe('C:BEGIN Z:T');
    expect(await client.ask(query('SAVEPOINT a'))).toBe('C:SAVEPOINT Z:T');
    expect(await client.ask(query('nonsense'))).toBe('E:42601 Z:E');
    expect(await client.ask(query('select 1'))).toBe('E:25P02 Z:E');
    expect(await client.ask(query(''))).toBe('I Z:E');
    expect(await client.ask(query('ROLLBACK TO a; select 1'))).toBe('C:ROLLBACK T D C:SELECT 1 Z:T');
    expect(await client.ask(query('nonsense'))).toBe('E:42601 Z:E');
    expect(await client.ask(query('COMMIT'))).toBe('C:ROLLBACK Z:I');
  });

  test('what was changed before a ROLLBACK stays, and the client is told', async () => {
    const client = talk();
    const answer = await client.ask(query("BEGIN; CREATE TOKEN 'kept'; ROLLBACK"));
    expect(answer).toBe('C:BEGIN T D C:CREATE TOKEN N:01000 C:ROLLBACK Z:I');
  });
});

describe('extended queries', () => {
  test.each([
    [
      'Parse, Bind, Describe, Execute',
      [parse('SHOW VERSION'), bind(), describeOf('P'), execute(), SYNC],
      '1 2 T D C:SHOW Z:I',
    ],
    ['Describe of a statement', [parse('SHOW TOKENS FOR USER $1'), describeOf('S'), SYNC], '1 t T Z:I'],
    [
      'a statement without rows',
      [parse('SET a = 1'), describeOf('S'), bind(), describeOf('P'), execute(), SYNC],
      '1 t n 2 n C:SET Z:I',
    ],
    ['the empty statement', [parse(''), bind(), describeOf('P'), execute(), SYNC], '1 2 n I Z:I'],
    [
      'named ones',
      [
        parse('select 1', 's'),
        bind([], { statement: 's', portal: 'p' }),
        execute(0, 'p'),
        closeOf('P', 'p'),
        closeOf('S', 's'),
        SYNC,
      ],
      '1 2 D C:SELECT 1 3 3 Z:I',
    ],
    ['closing what is not there', [closeOf('S', 'x'), closeOf('P', 'x'), SYNC], '3 3 Z:I'],
    ['a statement that is not there', [bind([], { statement: 'x' }), SYNC], 'E:26000 Z:I'],
    ['a portal that is not there', [execute(0, 'x'), SYNC], 'E:34000 Z:I'],
    ['a describe of neither', [describeOf('P', 'x'), SYNC], 'E:34000 Z:I'],
    ['a name taken', [parse('select 1', 's'), parse('select 1', 's'), SYNC], '1 E:42P05 Z:I'],
    [
      'a portal’s name taken',
      [parse('select 1'), bind([], { portal: 'p' }), bind([], { portal: 'p' }), SYNC],
      '1 2 E:42P03 Z:I',
    ],
    ['several statements', [parse('select 1; select 2'), SYNC], 'E:42601 Z:I'],
    ['too few values', [parse('SHOW TOKENS FOR USER $1'), bind(), SYNC], '1 E:08P01 Z:I'],
    [
      'NULL where a value is needed',
      [parse('SHOW TOKENS FOR USER $1'), bind([null]), execute(), SYNC],
      '1 2 E:22004 Z:I',
    ],
    ['a format of no number', [parse('select $1'), bind(['a'], { formats: [2] }), SYNC], '1 E:22023 Z:I'],
    ['more formats than columns', [parse('select 1'), bind([], { results: [0, 0] }), SYNC], '1 E:08P01 Z:I'],
    ['bytes that are no text', [parse('select $1'), bind([Buffer.of(0xff)]), SYNC], '1 E:22021 Z:I'],
    ['a NUL in a value', [parse('select $1'), bind([Buffer.of(0)]), SYNC], '1 E:22021 Z:I'],
    [
      'a binary value of a strange type',
      [parse('select $1', '', [1184]), bind([Buffer.alloc(8)], { formats: [1] }), SYNC],
      '1 E:0A000 Z:I',
    ],
    [
      'a binary number of a wrong length',
      [parse('select $1', '', [23]), bind([Buffer.alloc(3)], { formats: [1] }), SYNC],
      '1 E:22P03 Z:I',
    ],
    [
      'what comes behind an error, up to Sync',
      [parse('x'), bind(), execute(), query('select 1'), FLUSH, SYNC, query('')],
      'E:42601 Z:I',
    ],
    ['Sync and nothing else', [SYNC], 'Z:I'],
    ['a function call', [typed('F', int32(1), int16(0), int16(0), int16(0))], 'E:0A000 Z:I'],
    [
      'COPY data that is left over',
      [typed('d', Buffer.from('x')), typed('c'), typed('f', text('x')), SYNC],
      'Z:I',
    ],
    ['COPY', [parse('COPY t TO STDOUT'), SYNC], 'E:0A000 Z:I'],
    [
      'DEALLOCATE of a named one',
      [parse('select 1', 's'), parse('DEALLOCATE s'), bind(), execute(), bind([], { statement: 's' }), SYNC],
      '1 1 2 C:DEALLOCATE E:26000 Z:I',
    ],
  ] as const)('%s', async (_what, messages, expected) => {
    expect(await talk().ask(...messages)).toBe(expected);
  });

  test('rows come in portions, and portals end with their transaction', async () => {
    const client = talk();
    await client.ask(query('BEGIN'));
    const help = [parse('SHOW HELP'), bind([], { portal: 'p' }), execute(2, 'p'), SYNC];
    expect(await client.ask(...help)).toBe('1 2 D D s Z:T');
    expect(await client.ask(execute(1, 'p'), execute(100, 'p'), SYNC)).toMatch(/^D s( D){9,} C:SHOW Z:T$/);
    expect(await client.ask(execute(0, 'p'), SYNC)).toBe('C:SHOW Z:T');
    expect(await client.ask(query('COMMIT'))).toBe('C:COMMIT Z:I');
    expect(await client.ask(execute(0, 'p'), SYNC)).toBe('E:34000 Z:I');
  });

  test('executing a portal twice makes one token', async () => {
    const client = talk();
    const count = () => ground.services.tokens.count(SELF(), {});
    const before = await count();
    const messages = [parse('CREATE TOKEN $1'), bind(['once']), execute(1), execute(1), execute(), SYNC];
    expect(await client.ask(...messages)).toBe('1 2 D s C:CREATE TOKEN C:CREATE TOKEN Z:I');
    expect(await count()).toBe(before + 1);
    expect(await client.ask(parse('SET a = 1'), bind(), execute(), execute(), SYNC)).toBe(
      '1 2 C:SET E:55000 Z:I',
    );
  });

  test('a portal that failed does not go on, also behind a savepoint', async () => {
    const client = talk();
    await client.ask(query('BEGIN; SAVEPOINT a'));
    const failing = [parse("REVOKE TOKEN 'x'"), bind([], { portal: 'p' }), execute(0, 'p'), SYNC];
    expect(await client.ask(...failing)).toBe('1 2 E:42704 Z:E');
    expect(await client.ask(query('ROLLBACK TO a'))).toBe('C:ROLLBACK Z:T');
    expect(await client.ask(execute(0, 'p'), SYNC)).toBe('E:55000 Z:E');
  });

  test('more portals are open than one session may keep', async () => {
    const client = talk();
    client.send(parse('SHOW HELP', 's'));
    for (let n = 0; n < 65; n++) client.send(bind([], { statement: 's', portal: `p${n}` }));
    expect(await client.ask(SYNC)).toBe(`1 ${'2 '.repeat(64)}E:54000 Z:I`);
  });

  test.each(['$1', '$1::text', 'coalesced'])('a large parameter in each column: %s', async (column) => {
    const client = talk();
    const peakBefore = process.resourceUsage().maxRSS;
    const columns = (count: number) => Array.from({ length: count }, () => column).join(',');
    const big = 'x'.repeat(1_000_000);
    const select = (count: number): string =>
      `select ${columns(count)}`.replaceAll('coalesced', 'cast($1 as text)');
    const messages = [parse(select(1664)), bind([big]), execute(), SYNC];
    expect(await client.ask(...messages)).toBe('1 2 E:54000 Z:I');
    expect(await client.ask(parse(select(2)), bind([big]), execute(), SYNC)).toBe('1 2 E:54000 Z:I');
    expect(await client.ask(parse(select(1)), bind([big]), execute(), SYNC)).toBe('1 2 D C:SELECT 1 Z:I');
    // In kilobytes. Each column encoded would be 1.6 GB.
    expect(process.resourceUsage().maxRSS - peakBefore).toBeLessThan(200_000);
  });

  test('answers to a long row of messages do not wait for Sync', async () => {
    const client = talk().send(parse(`select 1 as "${'x'.repeat(20_000)}"`, 's'));
    client.send(describeOf('S', 's'), describeOf('S', 's'));
    const types: (string | undefined)[] = [];
    while (types.length < 5) types.push((await client.next())?.type);
    expect(types.join(' ')).toBe('1 t T t T');
    expect(await client.ask(SYNC)).toBe('Z:I');
  });

  test('suspended portals share what a session may keep; one alone may keep what there is', async () => {
    const rules = Array.from({ length: 1000 }, (_, at) => ({
      by: null,
      rule: `${at}`,
      passes: true,
      detail: 'x'.repeat(3000),
    }));
    const client = talk({ explainLogin: () => Promise.resolve([...rules, ...rules]) });
    await client.ask(query('BEGIN; SAVEPOINT a'), parse('EXPLAIN LOGIN', 's'));
    const begin = (name: string) => [bind([], { statement: 's', portal: name }), execute(1, name), SYNC];
    expect(await client.ask(...begin('p'))).toBe('1 2 D s Z:T');
    expect(await client.ask(...begin('q'))).toBe('2 D E:54000 Z:E');
    expect(await client.ask(query('ROLLBACK TO a'), execute(1, 'q'), SYNC)).toBe('C:ROLLBACK Z:T');
    expect(await client.heard()).toBe('E:55000 Z:E');
    expect(await client.ask(query('ROLLBACK TO a'))).toBe('C:ROLLBACK Z:T');
    expect(await client.ask(execute(2, 'p'), SYNC)).toBe('D D s Z:T');
    expect(await client.ask(closeOf('P', 'p'), ...begin('r'))).toBe('3 2 D s Z:T');
  });

  test('of a long list, no more rows are asked for than the client wants', async () => {
    const asked: (number | undefined)[] = [];
    const { tokens } = ground.deps;
    const list: typeof tokens.list = (actor, page) => {
      asked.push(page.limit);
      return tokens.list(actor, page);
    };
    for (let n = 0; n < 3; n++) await issueTo(ground.services, ada);
    const client = talk({ tokens: { ...tokens, list } });
    const messages = [parse('SHOW MY TOKENS'), bind(), execute(1), execute(2), execute(), SYNC];
    expect(await client.ask(...messages)).toMatch(/^1 2 D s D D s (D )*C:SHOW Z:I$/);
    expect(asked.slice(0, 2)).toEqual([1, 2]);
    for (const limit of asked.slice(2)) expect(limit).toBe(1000);
  });

  test('values by text and binary reach the services', async () => {
    const client = talk();
    const { info } = await issueTo(ground.services, ada);
    const binaryTid = Buffer.from(info.tid.replaceAll('-', ''), 'hex');
    const messages = [
      parse('REVOKE TOKEN $1 REASON $2', '', [2950, 0]),
      bind([binaryTid, 'größer'], { formats: [1, 0] }),
      execute(),
      SYNC,
    ];
    expect(await client.ask(...messages)).toBe('1 2 C:REVOKE 1 Z:I');
    const after = await ground.services.tokens.get(SELF(), info.tid);
    expect(after).toMatchObject({ state: 'revoked', revokeReason: 'größer' });
  });

  test('more is prepared than one session may keep', async () => {
    const client = talk();
    const big = `SELECT '${'x'.repeat(30_000)}'`;
    for (let n = 0; n < 150; n++) client.send(parse(big, `s${n}`));
    expect(await client.ask(SYNC)).toMatch(/^(1 )+E:54000 Z:I$/);
    expect(await client.ask(query('DISCARD ALL'))).toBe('C:DISCARD ALL Z:I');
    expect(await client.ask(parse(big, 'again'), SYNC)).toBe('1 Z:I');
  });
});

const SELF = () => ({
  uid: ada.uid,
  name: 'ada',
  privileges: new Set(['can_use'] as const),
  via: 'password' as const,
  tid: null,
  scopes: [],
  address: null,
  application: null,
});

describe('bytes', () => {
  const conversation = Buffer.concat([
    query('BEGIN; select 1'),
    parse('select $1, current_user', 's', [25]),
    bind(['a'], { statement: 's', results: [1] }),
    describeOf('P'),
    execute(),
    SYNC,
    query('nonsense'),
    query('ROLLBACK'),
  ]);
  const expected = 'C:BEGIN T D C:SELECT 1 Z:T|1 2 T D C:SELECT 1 Z:T|E:42601 Z:E|C:ROLLBACK Z:I';
  const four = async (client: Talk): Promise<string> =>
    [await client.heard(), await client.heard(), await client.heard(), await client.heard()].join('|');

  test('may come cut anywhere', async () => {
    const cuts = Array.from({ length: conversation.length + 1 }, (_, at) => at);
    for (const at of cuts) {
      const client = talk().send(conversation.subarray(0, at)).send(conversation.subarray(at));
      expect(await four(client), `cut at ${at}`).toBe(expected);
      await client.close();
    }
    const client = talk();
    for (const byte of conversation) client.send(Buffer.of(byte));
    expect(await four(client)).toBe(expected);
  });

  test.each([
    ['a message of no known type', typed('!', text('x'))],
    ['a length below four', Buffer.of(0x51, 0, 0, 0, 3)],
    ['a negative length', Buffer.of(0x51, 0xff, 0xff, 0xff, 0xff)],
    ['a length over the limit', Buffer.of(0x51, 0x7f, 0xff, 0xff, 0xff)],
    ['a text that does not end', typed('Q', Buffer.from('select 1'))],
    ['bytes behind a text', typed('Q', text('select 1'), Buffer.from('x'))],
    ['a text that is not UTF-8', typed('Q', Buffer.of(0xc3, 0x28, 0))],
    ['more parameter types than there are', typed('P', text(''), text('select 1'), int16(-1))],
    ['more values than there are', typed('B', text(''), text(''), int16(0), int16(9))],
    ['a value of a negative length', typed('B', text(''), text(''), int16(0), int16(1), int32(-2), int16(0))],
    ['a Describe of something else', typed('D', Buffer.from('X'), text(''))],
    ['an Execute without its limit', typed('E', text(''))],
    ['a password', typed('p', text('x'))],
  ])('%s ends the session', async (_what, bytes) => {
    const client = talk();
    expect(await client.ask(query('select 1'))).toBe('T D C:SELECT 1 Z:I');
    const [said, ...more] = await client.send(bytes).answer();
    expect(said?.type).toBe('E');
    expect(fieldsOf(said?.body ?? Buffer.alloc(0))).toMatchObject({ V: 'FATAL', C: '08P01' });
    expect(more).toEqual([]);
    expect(client.hasEnded).toBe(true);
  });

  test('any messages in any order get answers, and the session goes on', async () => {
    const client = talk();
    const pieces = [
      parse('select $1'),
      parse('SHOW HELP', 'a'),
      parse('nonsense', 'b'),
      bind(['x']),
      bind([], { statement: 'a', portal: 'c' }),
      describeOf('S', 'a'),
      describeOf('P'),
      describeOf('P', 'c'),
      execute(2),
      execute(1, 'c'),
      closeOf('S', 'a'),
      closeOf('P', 'c'),
      FLUSH,
      SYNC,
      query('BEGIN'),
      query('COMMIT'),
      query('nonsense'),
      query('SHOW VERSION; DISCARD PLANS'),
      typed('F'),
      typed('c'),
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), async (messages) => {
        client.send(...messages, SYNC, query("select 'marker'"));
        for (;;) {
          const answer = await client.answer();
          expect(answer.at(-1)?.type).toBe('Z');
          for (const { body, type } of answer)
            if (type === 'E') expect(fieldsOf(body)['C']).not.toBe('XX000');
          if (answer.some(({ body }) => body.includes('marker'))) break;
          // In a failed transaction the marker is refused.
          if (answer.map(inShort).join(' ') === 'E:25P02 Z:E') await client.ask(query('ROLLBACK'));
          if (answer.map(inShort).join(' ') === 'E:25P02 Z:E') break;
        }
      }),
      { numRuns: 150 },
    );
  });

  test('a client that does not read is not read from either', async () => {
    const client = talk();
    const { transport } = client.line;
    transport.pause();
    let sent = 1;
    for (; transport.write(query('SHOW HELP')); sent++) {
      if (sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(sent).toBeLessThan(20_000);
    }
    transport.resume();
    for (; sent > 0; sent--) expect(await client.heard()).toMatch(/^T D .*Z:I$/);
  });

  test('a client that leaves in the middle of a statement is forgotten', async () => {
    const { promise, deps } = held();
    const client = talk(deps).send(query('EXPLAIN LOGIN'));
    await promise;
    client.line.transport.end();
    await client.close();
    expect(await client.next()).toBeNull();
  });
});

/** An EXPLAIN LOGIN that does not come to its end until it is let go. */
function held(): { promise: Promise<void>; deps: Partial<ConsoleDeps>; letGo: () => void } {
  let begun: () => void = () => undefined;
  let letGo: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => (begun = resolve));
  const gone = new Promise<void>((resolve) => (letGo = resolve));
  return {
    promise,
    letGo,
    deps: {
      async explainLogin() {
        begun();
        await gone;
        return [];
      },
    },
  };
}

describe('time', () => {
  test('a cancel request ends what runs, and only that', async () => {
    const { promise, deps } = held();
    const client = talk(deps);
    client.line.cancel();
    client.send(query('select 1; EXPLAIN LOGIN; select 2'));
    await promise;
    client.line.cancel();
    expect(await client.heard()).toBe('T D C:SELECT 1 T E:57014 Z:I');
    expect(await client.ask(query('select 1'))).toBe('T D C:SELECT 1 Z:I');
  });

  test('statement_timeout ends what takes longer', async () => {
    const client = talk(held().deps);
    await client.ask(query("SET statement_timeout = '20ms'"));
    expect(await client.ask(query('EXPLAIN LOGIN'))).toBe('T E:57014 Z:I');
  });

  test('a change that is under way is not cancelled: its token would be lost', async () => {
    const { promise, deps, letGo } = held();
    const { tokens } = ground.deps;
    const slow: Partial<ConsoleDeps> = {
      tokens: {
        ...tokens,
        async issue(actor, request) {
          await deps.explainLogin?.(actor, { user: '', database: null, address: null, tid: null });
          return tokens.issue(actor, request);
        },
      },
    };
    const client = talk(slow).send(query("CREATE TOKEN 'slow'"));
    await promise;
    client.line.cancel();
    letGo();
    expect(await client.heard()).toBe('T D C:CREATE TOKEN Z:I');
  });

  test('closing a session ends it while a statement runs', async () => {
    const { promise, deps, letGo } = held();
    const client = talk(deps).send(query('EXPLAIN LOGIN'));
    await promise;
    client.line.close();
    letGo();
    await client.line.ended;
    expect(await client.next()).toBeNull();
  });
});

describe('values', () => {
  test('binary results are those of PostgreSQL’s send functions', async () => {
    const client = talk();
    const results = { results: [1] };
    const messages = [
      parse("select 1, 5000000000, true, 'é', 0.5"),
      bind([], results),
      describeOf('P'),
      execute(),
      SYNC,
    ];
    const said = await client.send(...messages).answer();
    const row = said.find(({ type }) => type === 'D');
    const hex = row === undefined ? [] : cellsOf(row).map((cell) => cell?.toString('hex'));
    expect(hex).toEqual(['00000001', '000000012a05f200', '01', 'c3a9', '3fe0000000000000']);
  });
});

describe('secrets', () => {
  test('the token is in the answer and nowhere else', async () => {
    const client = talk();
    const answer = await client.send(query("CREATE TOKEN 'secret one'")).answer();
    const row = answer.find(({ type }) => type === 'D');
    const raw = (row === undefined ? null : cellsOf(row)[0])?.toString() ?? '';
    expect(raw).toMatch(/^pat_[0-9A-Za-z]{49}$/);
    // Pasted where an id belongs, where a statement belongs, and with a defect behind it.
    const broken = talk({
      accounts: { ...ground.deps.accounts, getUser: () => Promise.reject(new Error(raw)) },
    });
    expect(await client.ask(query(`REVOKE TOKEN '${raw}'`))).toBe('E:22023 Z:I');
    expect(await client.ask(query(`ROTATE TOKEN '${raw}'`))).toBe('T E:22023 Z:I');
    expect(await client.ask(query(raw))).toBe('E:42601 Z:I');
    expect(await broken.ask(query(`SHOW TOKENS FOR USER '${raw}'`))).toBe('T E:XX000 Z:I');
    expect(ground.logged.join('')).toContain('defect');
    expect(ground.logged.join('')).not.toContain(raw);
    const audit = await ground.services.audit.list({});
    expect(JSON.stringify(audit)).not.toContain(raw);
  });

  test('a session of a token makes no tokens without the scope', async () => {
    const { info } = await issueTo(ground.services, ada, { scopes: [] });
    const byToken = new Talk(
      factsOf(ada, { provedBy: 'token', token: { ...info, exchange: null, role: null } }),
      ground.deps,
    );
    talks.push(byToken);
    expect(await byToken.ask(query("CREATE TOKEN 'more'"))).toBe('T E:42501 Z:I');
    expect(await byToken.ask(query(`ROTATE TOKEN '${info.tid}'`))).toBe('T E:42501 Z:I');
    expect(await byToken.ask(query(`REVOKE TOKEN '${info.tid}'`))).toBe('C:REVOKE 1 Z:I');
  });

  test('a session of an identity provider’s access token neither, nor what needs an administrator', async () => {
    const boss = await addUser(ground.services);
    await ground.services.accounts.grant(ROOT, 'admin', { kind: 'user', name: boss.name });
    const { info } = await issueTo(ground.services, boss);
    const by = (provedBy: 'oauth' | 'password'): Talk => {
      const talk = new Talk(factsOf(boss, { provedBy }), ground.deps);
      talks.push(talk);
      return talk;
    };
    const [byOauth, byPassword] = [by('oauth'), by('password')];
    for (const text of [
      "CREATE TOKEN 'more'",
      "CREATE TOKEN 'more' SCOPES (tokens, accounts)",
      'SHOW CONFIG',
    ]) {
      expect(await byOauth.ask(query(text))).toMatch(/E:42501 Z:I$/);
      expect(await byPassword.ask(query(text))).not.toMatch(/E:/);
    }
    expect(await byOauth.ask(query(`ROTATE TOKEN '${info.tid}'`))).toBe('T E:42501 Z:I');
    expect(await byOauth.ask(query(`REVOKE TOKEN '${info.tid}'`))).toBe('C:REVOKE 1 Z:I');
  });
});

describe('before the word that ends the session has come', () => {
  const STATEMENTS = [
    "CREATE TOKEN 'one more' SCOPES (tokens, accounts)",
    'SHOW TOKENS',
    'SHOW SESSIONS',
    'SHOW POOLS',
  ];

  test('a changed password is of no more use, and the new one is', async () => {
    const { services } = ground;
    const user = await addUser(services, { password: PASSWORD });
    await services.accounts.grant(ROOT, 'manage_all', { kind: 'user', name: user.name });
    const client = new Talk(factsOf(user), ground.deps);
    talks.push(client);
    expect(await client.ask(query(STATEMENTS[0] ?? ''))).toBe('T D C:CREATE TOKEN Z:I');
    await services.accounts.setPassword(ROOT, user.uid, new Secret('another password'));
    for (const statement of STATEMENTS) expect(await client.ask(query(statement))).toBe('T E:42501 Z:I');
    expect(await services.tokens.count(ROOT, { owner: user.uid })).toBe(1);
    const found = await services.credentials.byName(user.name);
    const again = new Talk(
      factsOf(user, { passwordVersion: found?.account.passwordVersion ?? null }),
      ground.deps,
    );
    talks.push(again);
    for (const statement of STATEMENTS) expect(await again.ask(query(statement))).not.toContain('E:');
  });

  test('a revoked token is of no more use', async () => {
    const { services } = ground;
    const { info } = await issueTo(services, ada, { scopes: ['tokens'] });
    const facts = factsOf(ada, {
      provedBy: 'token',
      token: { ...info, exchange: null, role: null },
      passwordVersion: null,
    });
    const client = new Talk(facts, ground.deps);
    talks.push(client);
    expect(await client.ask(query('SHOW TOKENS'))).toMatch(/^T (D )+C:SHOW Z:I$/);
    await services.tokens.revoke(ROOT, info.tid);
    for (const statement of STATEMENTS.slice(0, 3)) {
      expect(await client.ask(query(statement))).toBe('T E:42501 Z:I');
    }
  });
});
