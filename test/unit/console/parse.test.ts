import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SqlError } from '../../../src/console/sql-error.ts';
import { tokenize } from '../../../src/console/sql/lexer.ts';
import { parseScript, parseSingle } from '../../../src/console/sql/parse.ts';

const text = (value: string) => ({ kind: 'text', text: value });
const parameter = (index: number) => ({ kind: 'parameter', index });

describe('statements of the console', () => {
  test.each([
    ['SHOW TOKENS', { kind: 'tokens', whose: { kind: 'visible' } }],
    ['show\n\tmy   tokens ;', { kind: 'tokens', whose: { kind: 'own' } }],
    ['SHOW ALL TOKENS;;', { kind: 'tokens', whose: { kind: 'all' } }],
    ['SHOW TOKENS FOR USER Ada', { kind: 'tokens', whose: { kind: 'user', name: text('ada') } }],
    ['SHOW TOKENS FOR USER "Ada L"', { kind: 'tokens', whose: { kind: 'user', name: text('Ada L') } }],
    ['SHOW SESSIONS FOR USER $1', { kind: 'sessions', whose: { kind: 'user', name: parameter(1) } }],
    ['SHOW all sessions', { kind: 'sessions', whose: { kind: 'all' } }],
    ['SHOW USERS', { kind: 'report', report: 'users' }],
    ['SHOW Config -- all of it', { kind: 'report', report: 'config' }],
    ["/* one /* in */ another */ CREATE TOKEN 'it''s'", { kind: 'createToken', label: text("it's") }],
    ["CREATE TOKEN $$a $1 'b'$$", { kind: 'createToken', label: text("a $1 'b'") }],
    ['CREATE TOKEN $x$a$$b$x$', { kind: 'createToken', label: text('a$$b') }],
    [String.raw`CREATE TOKEN E'a\tb\'c\\\u00e9\x41'`, { kind: 'createToken', label: text("a\tb'c\\éA") }],
    [String.raw`CREATE TOKEN 'back\slash'`, { kind: 'createToken', label: text('back\\slash') }],
    ["CREATE TOKEN ('x'::varchar)", { kind: 'createToken', label: text('x') }],
    [
      "CREATE TOKEN 'bi' DATABASES (sales, \"Sales 2\") NETWORKS ('10.0.0.0/8') SCOPES (tokens) FOR USER 'a@b.c' VALID FOR '30 days' ROLE Reader MAX SESSIONS 3 DESCRIPTION 'd'",
      {
        kind: 'createToken',
        label: text('bi'),
        owner: text('a@b.c'),
        lifetime: text('30 days'),
        description: text('d'),
        role: text('reader'),
        databases: [text('sales'), text('Sales 2')],
        networks: [text('10.0.0.0/8')],
        maxSessions: text('3'),
        scopes: [text('tokens')],
      },
    ],
    [
      'CREATE TOKEN $1 VALID FOR $2 MAX SESSIONS $3',
      { kind: 'createToken', label: parameter(1), lifetime: parameter(2), maxSessions: parameter(3) },
    ],
    [
      "REVOKE TOKEN 'a', $1 REASON 'r'",
      { kind: 'revokeTokens', tids: [text('a'), parameter(1)], reason: text('r') },
    ],
    ['REVOKE ALL TOKENS', { kind: 'revokeAllTokens' }],
    [
      "REVOKE ALL TOKENS REASON 'r' FOR USER ada",
      { kind: 'revokeAllTokens', owner: text('ada'), reason: text('r') },
    ],
    ["ROTATE TOKEN 'a' OVERLAP '0'", { kind: 'rotateToken', tid: text('a'), overlap: text('0') }],
    ["KILL SESSION 'a'", { kind: 'killSessions', sids: [text('a')] }],
    ['EXPLAIN LOGIN', { kind: 'explainLogin' }],
    [
      "EXPLAIN LOGIN FROM '::1' DATABASE sales USER \"$token\" TOKEN 't'",
      {
        kind: 'explainLogin',
        user: text('$token'),
        database: text('sales'),
        address: text('::1'),
        token: text('t'),
      },
    ],
  ])('%s', (sql, expected) => {
    expect(parseSingle(sql).statement).toEqual(expected);
  });
});

describe('statements that tools send', () => {
  test.each([
    ['SET extra_float_digits = 3', { kind: 'set', name: 'extra_float_digits', value: '3' }],
    ["SET SESSION DateStyle TO 'ISO', MDY", { kind: 'set', name: 'datestyle', value: 'ISO, mdy' }],
    ['set local statement_timeout to default', { kind: 'set', name: 'statement_timeout', value: null }],
    [
      "SET application_name='DBeaver 24 - Main'",
      { kind: 'set', name: 'application_name', value: 'DBeaver 24 - Main' },
    ],
    ['SET a.b = -1', { kind: 'set', name: 'a.b', value: '-1' }],
    ["SET NAMES 'UTF8'", { kind: 'set', name: 'client_encoding', value: 'UTF8' }],
    ["SET TIME ZONE 'Europe/Berlin'", { kind: 'set', name: 'timezone', value: 'Europe/Berlin' }],
    ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', { kind: 'nothing', tag: 'SET' }],
    ['SET TRANSACTION ISOLATION LEVEL SERIALIZABLE', { kind: 'nothing', tag: 'SET' }],
    ['SET ROLE NONE', { kind: 'nothing', tag: 'SET' }],
    ['RESET ALL', { kind: 'reset', name: null }],
    ['RESET SESSION AUTHORIZATION', { kind: 'nothing', tag: 'RESET' }],
    ['SHOW TRANSACTION ISOLATION LEVEL', { kind: 'showSetting', name: 'transaction_isolation' }],
    ['SHOW server_version', { kind: 'showSetting', name: 'server_version' }],
    ['SHOW ALL', { kind: 'showSetting', name: null }],
    ['BEGIN READ ONLY', { kind: 'begin', tag: 'BEGIN' }],
    ['START TRANSACTION ISOLATION LEVEL SERIALIZABLE', { kind: 'begin', tag: 'START TRANSACTION' }],
    ['END', { kind: 'commit', tag: 'COMMIT' }],
    ['ABORT WORK', { kind: 'rollback', tag: 'ROLLBACK' }],
    ['ROLLBACK TO SAVEPOINT "A"', { kind: 'rollbackTo', name: 'A' }],
    ['RELEASE _EXEC_SVP_1', { kind: 'release', name: '_exec_svp_1' }],
    ['DISCARD ALL', { kind: 'discard', isAll: true, tag: 'DISCARD ALL' }],
    ['DEALLOCATE "S_1"', { kind: 'deallocate', name: 'S_1' }],
    ['UNLISTEN *', { kind: 'nothing', tag: 'UNLISTEN' }],
    ['CLOSE ALL', { kind: 'nothing', tag: 'CLOSE CURSOR ALL' }],
  ])('%s', (sql, expected) => {
    expect(parseSingle(sql).statement).toEqual(expected);
  });

  test.each(['', ' ', ';', ' ; ;', '-- nothing', '/* nothing */'])('%j is empty', (sql) => {
    expect(parseScript(sql)).toEqual([]);
    expect(parseSingle(sql).statement).toEqual({ kind: 'empty' });
  });

  test('several in one text, split where no quote is open', () => {
    const kinds = parseScript(`SET x = 'a;b'; SHOW "p;q"; /* ; */ CREATE TOKEN $$;$$;; SELECT 1`);
    expect(kinds.map(({ statement }) => statement.kind)).toEqual([
      'set',
      'showSetting',
      'createToken',
      'select',
    ]);
  });

  test.each([
    ['SELECT a.b AS "C", count(*), x y FROM pg_catalog.pg_class a', ['C', 'count', 'y']],
    ['SELECT DISTINCT ON (a, b) c, d FROM pg_class', ['c', 'd']],
    ["SELECT CASE WHEN a THEN 'x' ELSE 'y' END AS kind, b::regclass FROM pg_class", ['kind', 'b']],
    [
      'SELECT (SELECT a FROM pg_attrdef) z, upper(q) FROM pg_class JOIN pg_namespace n ON true',
      ['z', 'upper'],
    ],
    ['WITH x AS (SELECT 1 FROM pg_class) SELECT one, two FROM x JOIN pg_type t ON true', ['one', 'two']],
    [
      'SELECT extract(year FROM now()), a IS DISTINCT FROM b, c FROM information_schema.tables',
      ['?column?', '?column?', 'c'],
    ],
    [
      "SELECT 1, 'a', 2::int8, true, version(), current_user AS me",
      ['?column?', '?column?', 'int8', '?column?', 'version', 'me'],
    ],
  ])('columns of %s', (sql, names) => {
    const { statement } = parseSingle(sql);
    const items = statement.kind === 'select' ? statement.items : [];
    expect(items.map((item) => (item.kind === 'value' ? item.name : '*'))).toEqual(names);
  });
});

describe('what is refused', () => {
  test.each([
    ['SELEC 1', '42601', /at or near "SELEC"/],
    ['CREATE TOKEN', '42601', /at end of input/],
    ['CREATE TOKEN laptop', '42601', /near "laptop"/],
    ["CREATE TOKEN 'a' 'b'", '42601', /near "'b'"/],
    ["CREATE TOKEN 'a' VALID FOR '1 d' VALID FOR '2 d'", '42601', /redundant options: VALID FOR/],
    ["CREATE TOKEN 'a' DATABASES ()", '42601', /near "\)"/],
    ["CREATE TOKEN 'a", '42601', /unterminated quoted string/],
    ['CREATE TOKEN $x$a$$', '42601', /unterminated dollar-quoted/],
    ['SHOW "a', '42601', /unterminated quoted identifier/],
    ['SHOW ""', '42601', /zero-length/],
    ['/* /* */ SHOW TOKENS', '42601', /unterminated \/\* comment/],
    ['SHOW TOKENS EXTRA', '42601', /near "EXTRA"/],
    ['SHOW TOKENS \\', '42601', /near "\\"/],
    [String.raw`CREATE TOKEN E'\u12'`, '22025', /Unicode/],
    [String.raw`CREATE TOKEN E'\0'`, '22021', /byte sequence/],
    [String.raw`CREATE TOKEN E'\ud800'`, '22025', /Unicode/],
    ['CREATE TOKEN $0', '42P02', /no parameter \$0/],
    ['CREATE TOKEN $99999', '42P02', /no parameter/],
    ['CREATE TABLE x (a int)', '0A000', /SHOW HELP/],
    ['REVOKE ALL ON t FROM u', '0A000', /SHOW HELP/],
    ['EXPLAIN SELECT 1', '0A000', /SHOW HELP/],
    ['COPY t FROM STDIN', '0A000', /COPY.*SHOW HELP/],
    ['SET ROLE admin', '0A000', /SET ROLE/],
    ['DECLARE c CURSOR FOR SELECT 1', '0A000', /DECLARE/],
    ["PREPARE TRANSACTION 'x'", '0A000', /PREPARE/],
    ['SELECT * FROM orders', '42P01', /"orders" does not exist in the SQL console/],
    ['SELECT * FROM pg_class c JOIN public.orders o ON true', '42P01', /public\.orders/],
    ['SELECT 1 + 1', '0A000', /expression/],
    ['SELECT *', '42601', /no tables/],
    [`SELECT ${'a,'.repeat(1664)}b FROM pg_class`, '54011', /1664/],
    ['SELECT a,,b FROM pg_class', '42601', /SELECT/],
  ])('%s', (sql, sqlState, message) => {
    const error = caught(() => parseSingle(sql));
    expect(error).toMatchObject({ sqlState, message: expect.stringMatching(message) as string });
  });

  test('several statements in one Parse', () => {
    expect(caught(() => parseSingle('SELECT 1; SELECT 2'))).toMatchObject({ sqlState: '42601' });
  });

  test('a text that would take long to read', () => {
    expect(caught(() => parseScript(' '.repeat(32_769)))).toMatchObject({ sqlState: '54000' });
  });

  test('a long text is not quoted whole', () => {
    expect(caught(() => parseSingle(`x${'y'.repeat(10_000)}`))?.message.length).toBeLessThan(120);
  });
});

const SAMPLES = [
  "CREATE TOKEN 'bi' DATABASES (sales, \"S\") NETWORKS ('10.0.0.0/8') FOR USER 'a' VALID FOR $1 MAX SESSIONS 3",
  String.raw`SELECT E'\n', $q$x$q$, "a"."b"::int8 AS c, count(*) FROM pg_catalog.pg_class c WHERE d = 'x' GROUP BY 1`,
  "SET a.b TO 'x', -1; SHOW ALL TOKENS; /* c */ REVOKE ALL TOKENS -- end",
  'WITH x AS (SELECT 1) SELECT ((a)), b FROM ONLY (pg_type) t, LATERAL f(1) g',
];

describe('any text', () => {
  const fragment = fc.oneof(
    fc.constantFrom(...SAMPLES.flatMap((sample) => sample.split(/\b/))),
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.constantFrom("'", '"', '$$', '$a$', '/*', '*/', '--', ';', '(', ')', '\\', "E'", '::', '\n', ','),
  );

  test('is understood or refused, never a crash', () => {
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 40 }), (fragments) => {
        outcome(fragments.join(''));
        outcome(fragments.join(' '));
      }),
      { numRuns: 3000 },
    );
  });

  test('cut off anywhere is understood or refused', () => {
    for (const sample of SAMPLES) {
      for (let end = 0; end <= sample.length; end++) {
        outcome(sample.slice(0, end));
        outcome(sample.slice(end));
      }
    }
  });

  test.each([
    ['quotes', (n: number) => `SHOW '${"''".repeat(n)}`],
    ['parentheses', (n: number) => `SELECT ${'('.repeat(n)}1${')'.repeat(n)}`],
    ['casts', (n: number) => `SELECT 1${'::int'.repeat(n)}`],
    ['brackets around a label', (n: number) => `CREATE TOKEN ${'('.repeat(n)}`],
    ['comments', (n: number) => `${'/*'.repeat(n)} SHOW TOKENS`],
    ['statements', (n: number) => 'SHOW x;'.repeat(n)],
    ['operators', (n: number) => `SELECT ${'+-'.repeat(n)}`],
    ['escapes', (n: number) => `SHOW E'${String.raw`\'`.repeat(n)}`],
    ['columns', (n: number) => `SELECT ${'a,'.repeat(n)}b FROM pg_class`],
    ['dollars', (n: number) => `SELECT ${'$a$'.repeat(n)}`],
  ])('as much as is allowed of %s does not take long', (_what, make) => {
    const sql = make(20_000).slice(0, 32_768);
    const startedMs = performance.now();
    outcome(sql);
    expect(performance.now() - startedMs).toBeLessThan(2000);
  });

  test('tokens tell where they stand', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SAMPLES), (sample) => {
        const tokens = tokenize(sample);
        for (const [index, { at, end }] of tokens.entries()) {
          expect(end).toBeGreaterThan(at);
          expect(at).toBeGreaterThanOrEqual(tokens[index - 1]?.end ?? 0);
        }
      }),
    );
  });
});

function outcome(sql: string): void {
  try {
    parseScript(sql);
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    expect(error.sqlState).toMatch(/^[0-9A-Z]{5}$/);
  }
}

function caught(work: () => unknown): SqlError | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof SqlError) return error;
    throw error;
  }
}
