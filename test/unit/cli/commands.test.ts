import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runHere, type Ran, type RunHereOptions } from '../../support/command-line.ts';
import { asAdmin, createDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;

/** On the store of this file. */
function run(args: readonly string[], options: RunHereOptions = {}): Promise<Ran> {
  return runHere(args, {
    ...options,
    environment: { PATGATE_STORE_URL: database.url, ...options.environment },
  });
}

/** The JSON that a successful command prints. */
async function json<T>(args: readonly string[], options?: RunHereOptions): Promise<T> {
  const ran = await run([...args, '-o', 'json'], options);
  if (ran.code !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout) as T;
}

type Row = Readonly<Record<string, unknown>>;

const PASSWORD = 'Correct-Horse-7';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TOKEN = /^pat_[0-9A-Za-z]{49}$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

beforeAll(async () => {
  database = await createDatabase('cli');
});
afterAll(() => database.drop());

describe('a store that was never migrated', () => {
  it('is named as such, until patgate migrate has run', async () => {
    const early = await run(['user', 'list']);
    expect(early).toMatchObject({ code: 1, stdout: '' });
    expect(early.stderr).toMatch(/^patgate: the store lacks .*: run `patgate migrate` first\n$/);

    const first = await run(['migrate']);
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/^\d{4}-[a-z-]+\n/);
    expect(await run(['migrate'])).toMatchObject({ code: 0, stdout: '' });
  });
});

describe('patgate user', () => {
  it('adds, shows, lists, changes and removes', async () => {
    const added = await json<Row>(
      ['user', 'add', 'ada', '--password-stdin', '--email', 'ada@example.com', '--grant', 'manage_all'],
      { input: `${PASSWORD}\n` },
    );
    expect(added).toMatchObject({
      name: 'ada',
      email: 'ada@example.com',
      kind: 'person',
      state: 'active',
      hasPassword: true,
      privileges: ['can_use', 'manage_all'],
      groups: [],
    });
    expect(added['uid']).toMatch(UUID);
    expect(added['createdAt']).toMatch(MOMENT);

    for (const reference of ['ada', 'ada@example.com', String(added['uid'])]) {
      expect(await json<Row>(['user', 'show', reference])).toEqual(added);
    }
    expect(await json<Row[]>(['user', 'list'])).toEqual([added]);

    const changed = await json<Row>([
      ...['user', 'set', 'ada', '--no-email', '--engine-role', 'analyst'],
      ...['--database', 'a', '--database', 'b', '--ungrant', 'manage_all'],
    ]);
    expect(changed).toMatchObject({ email: null, engineRole: 'analyst', databases: ['a', 'b'] });
    expect(changed['privileges']).toEqual(['can_use']);
    expect(await json<Row>(['user', 'set', 'ada', '--any-database'])).toMatchObject({ databases: null });

    expect((await run(['user', 'disable', 'ada'])).code).toBe(0);
    expect(await json<Row[]>(['user', 'list', '--state', 'disabled'])).toMatchObject([{ state: 'disabled' }]);
    expect((await run(['user', 'enable', 'ada'])).code).toBe(0);
    expect((await run(['user', 'remove', 'ada'])).code).toBe(0);
    expect(await json<Row[]>(['user', 'list'])).toEqual([]);
    expect((await run(['user', 'show', 'ada'])).code).toBe(1);
  });

  it('makes no user when there is no password to be had', async () => {
    const unasked = await run(['user', 'add', 'mute']);
    expect(unasked).toMatchObject({ code: 2, stdout: '' });
    expect(unasked.stderr).toMatch(/no terminal .* --password-stdin/);
    expect((await run(['user', 'add', 'mute', '--password-stdin'])).stderr).toMatch(/holds no secret/);
    expect((await run(['user', 'show', 'mute'])).code).toBe(1);
  });

  it('makes service principals and token-only users without a password', async () => {
    expect(await json<Row>(['user', 'add', 'etl', '--service'])).toMatchObject({
      kind: 'service',
      hasPassword: false,
    });
    const limited = ['--network', '10.0.0.0/8', '--network', '127.0.0.0/8', '--database', 'sales'];
    expect(await json<Row>(['user', 'add', 'tokenonly', '--no-password', ...limited])).toMatchObject({
      kind: 'person',
      hasPassword: false,
      networks: ['10.0.0.0/8', '127.0.0.0/8'],
      databases: ['sales'],
    });
    const withPassword = await json<Row>(['user', 'set', 'tokenonly', '--password-stdin'], {
      input: PASSWORD,
    });
    expect(withPassword['hasPassword']).toBe(true);
  });

  it('knows groups and what is granted to them', async () => {
    expect((await run(['group', 'add', 'analysts'])).code).toBe(0);
    const set = ['group', 'set', 'analysts', '--add-member', 'tokenonly', '--grant', 'manage_all'];
    expect((await run(set)).code).toBe(0);
    expect(await json<Row[]>(['group', 'list'])).toMatchObject([
      { name: 'analysts', members: ['tokenonly'], privileges: ['manage_all'] },
    ]);
    expect(await json<Row>(['user', 'show', 'tokenonly'])).toMatchObject({
      groups: ['analysts'],
      privileges: ['can_use', 'manage_all'],
    });
    expect((await run(['group', 'remove', 'analysts'])).code).toBe(0);
    expect(await json<Row>(['user', 'show', 'tokenonly'])).toMatchObject({ privileges: ['can_use'] });
  });
});

describe('patgate token', () => {
  it('prints a new token once, alone on standard output', async () => {
    const created = await run(['token', 'create', '--user', 'etl', '--label', 'nightly']);
    expect(created.code).toBe(0);
    expect(created.stdout.trimEnd()).toMatch(TOKEN);
    expect(created.stdout.split('\n')).toHaveLength(2);
    const token = created.stdout.trim();
    expect(created.stderr).not.toContain(token);
    for (const rows of [
      ['token', 'list', '--all'],
      ['audit', 'list'],
      ['user', 'show', 'etl'],
    ]) {
      for (const format of ['table', 'json', 'csv']) {
        const { stdout, stderr } = await run([...rows, '-o', format]);
        expect(stdout + stderr).not.toContain(token);
      }
    }
  });

  it('takes limits, and shows them', async () => {
    const created = await json<Row>([
      ...['token', 'create', '--user', 'etl', '--label', 'limited', '--lifetime', '2 days'],
      ...['--database', 'sales', '--network', '10.0.0.0/8', '--role', 'loader', '--max-sessions', '3'],
      ...['--scope', 'tokens', '--description', 'with everything'],
    ]);
    expect(created['token']).toMatch(TOKEN);
    expect(created).toMatchObject({
      owner: 'etl',
      kind: 'service',
      state: 'live',
      databases: ['sales'],
      networks: ['10.0.0.0/8'],
      role: 'loader',
      maxSessions: 3,
      scopes: ['tokens'],
    });
    const { token: _, ...info } = created;
    expect(await json<Row>(['token', 'show', String(info['tid'])])).toEqual(info);
    const lifetimeMs = Date.parse(String(info['expiresAt'])) - Date.parse(String(info['createdAt']));
    expect(lifetimeMs).toBe(2 * 86_400_000);
  });

  it('creates nothing twice under one idempotency key', async () => {
    const args = ['token', 'create', '--user', 'etl', '--label', 'once', '--idempotency-key', 'k1'];
    const first = await run(args);
    const again = await run(args);
    expect(first.stdout.trim()).toMatch(TOKEN);
    expect(again).toMatchObject({ code: 0, stdout: '' });
    expect(again.stderr).toMatch(/can not be shown again/);
    const list = await json<Row[]>(['token', 'list', '--user', 'etl', '--search', 'once']);
    expect(list).toHaveLength(1);
  });

  it('rotates and revokes, and lists live ones unless asked for more', async () => {
    const old = await json<Row>(['token', 'create', '--user', 'etl', '--label', 'turning']);
    const rotated = await run(['token', 'rotate', String(old['tid']), '--overlap', '0s']);
    expect(rotated.stdout.trim()).toMatch(TOKEN);
    expect(rotated.stdout.trim()).not.toBe(old['token']);
    const find = async (...more: string[]) =>
      (await json<Row[]>(['token', 'list', '--search', 'turning', ...more])).map(({ state }) => state);
    expect(await find()).toEqual(['live']);
    expect((await find('--all')).sort()).toEqual(['live', 'revoked']);
    expect((await find('--user', 'etl')).sort()).toEqual(['live', 'revoked']);
    expect(await find('--state', 'revoked')).toEqual(['revoked']);

    const [live] = await json<Row[]>(['token', 'list', '--search', 'turning']);
    const revoked = await run(['token', 'revoke', String(live?.['tid']), '--reason', 'test']);
    expect(revoked).toMatchObject({ code: 0, stdout: '', stderr: 'revoked 1 token\n' });
    expect(await json<Row>(['token', 'show', String(live?.['tid'])])).toMatchObject({
      state: 'revoked',
      revokeReason: 'test',
    });
  });

  it('revokes the token that standard input holds', async () => {
    const created = await json<Row>(['token', 'create', '--user', 'etl', '--label', 'leaked']);
    const revoked = await run(['token', 'revoke', '--token-stdin'], {
      input: `${String(created['token'])}\n`,
    });
    expect(revoked).toMatchObject({ code: 0, stderr: 'revoked 1 token\n' });
    expect(await json<Row>(['token', 'show', String(created['tid'])])).toMatchObject({ state: 'revoked' });
  });

  it('refuses a token as an argument, without repeating it', async () => {
    const created = await run(['token', 'create', '--user', 'etl', '--label', 'pasted']);
    const token = created.stdout.trim();
    for (const args of [
      ['show', token],
      ['revoke', token],
      ['rotate', token],
    ]) {
      const refused = await run(['token', ...args]);
      expect(refused).toMatchObject({ code: 2, stdout: '' });
      expect(refused.stderr).not.toContain(token.slice(0, 12));
    }
  });

  it('revokes all or none of those named', async () => {
    const created = await json<Row>(['token', 'create', '--user', 'etl', '--label', 'kept']);
    const tid = String(created['tid']);
    const failed = await run(['token', 'revoke', tid, '00000000-0000-4000-8000-000000000000']);
    expect(failed.code).toBe(1);
    expect(await json<Row>(['token', 'show', tid])).toMatchObject({ state: 'live' });
  });
});

describe('patgate policy', () => {
  it('shows, changes and remembers', async () => {
    const before = await json<Row>(['policy', 'show']);
    expect(before).toMatchObject({ tokensEnabled: true, maxLifetimeMs: 180 * 86_400_000 });
    const after = await json<Row>([
      'policy',
      'set',
      '--max-lifetime',
      '10 days',
      '--default-lifetime',
      '5 days',
    ]);
    expect(after).toEqual({
      ...before,
      maxLifetimeMs: 10 * 86_400_000,
      defaultLifetimeMs: 5 * 86_400_000,
    });
    const [change] = await json<Row[]>(['policy', 'history', '--limit', '1']);
    expect(change).toMatchObject({ before: { maxLifetimeMs: 180 * 86_400_000 } });
    expect((await run(['policy', 'show'])).stdout).toMatch(/^max-lifetime +10 days$/m);
  });

  it('keeps what it forbids from being done, with exit code 4', async () => {
    const create = ['token', 'create', '--user', 'etl', '--label', 'long'];
    expect((await run([...create, '--lifetime', '11 days'])).code).toBe(4);
    expect((await run([...create, '--lifetime', 'never'])).code).toBe(4);
    await run(['policy', 'set', '--tokens', 'off']);
    expect(await run(create)).toMatchObject({ code: 4, stdout: '' });
    await run(['policy', 'set', '--tokens', 'on']);
  });
});

describe('patgate audit', () => {
  it('names the user of the operating system, and whom and what it was about', async () => {
    await run(['user', 'set', 'etl', '--display-name', 'Loader']);
    const [row] = await json<Row[]>([
      'audit',
      'list',
      '--user',
      'etl',
      '--action',
      'user.set',
      '--limit',
      '1',
    ]);
    expect(row).toMatchObject({
      action: 'user.set',
      outcome: 'ok',
      actor: { via: 'cli', uid: null },
      target: { kind: 'user', name: 'etl' },
    });
    expect((row?.['actor'] as Row)['name']).not.toBe('');
    expect(row?.['at']).toMatch(MOMENT);
  });

  it('finds a row that somebody changed', async () => {
    const intact = await run(['audit', 'verify']);
    expect(intact.code).toBe(0);
    expect(intact.stdout).toMatch(/^ok: \d+ rows, 1 to \d+\n$/);
    const verdict = JSON.parse((await run(['audit', 'verify', '-o', 'json'])).stdout) as Row;
    expect(verdict).toEqual({ ok: true, rows: verdict['lastSeq'], firstSeq: 1, lastSeq: verdict['rows'] });
    await asAdmin("update patgate.audit set actor_name = 'nobody' where seq = 3", database.url);
    const broken = await run(['audit', 'verify']);
    expect(broken.code).toBe(1);
    expect(broken.stdout).toMatch(/^broken at row 3: /);
    const told = await run(['audit', 'verify', '-o', 'json']);
    expect([told.code, JSON.parse(told.stdout)]).toEqual([
      1,
      { ok: false, seq: 3, problem: expect.any(String) as string },
    ]);
  });
});

describe('CSV', () => {
  it('lets no spreadsheet run what users wrote', async () => {
    for (const label of ['=1+2', '+1', '-1', '@x', '\t=1', 'a"b,c']) {
      await run(['token', 'create', '--user', 'etl', '--label', `x${label}`, '--description', label]);
    }
    const { stdout } = await run(['token', 'list', '--all', '-o', 'csv']);
    expect(stdout.startsWith('tid,owner,label,')).toBe(true);
    for (const line of stdout.split('\r\n')) expect(line).not.toMatch(/(^|,)"?[=+\-@\t]/);
    expect(stdout).toContain(`"'=1+2"`);
    expect(stdout).toContain('"xa""b,c"');
  });
});

describe('exit codes', () => {
  it.each<[string, number, readonly string[]]>([
    ['an unknown command', 2, ['tokens']],
    ['an unknown option', 2, ['token', 'list', '--everything']],
    ['a bad value', 2, ['token', 'list', '--limit', 'many']],
    ['a bad choice', 2, ['user', 'list', '-o', 'xml']],
    ['no command', 2, []],
    ['nothing to change', 2, ['user', 'set', 'etl']],
    ['tokens named in two ways', 2, ['token', 'revoke', 'x', '--user', 'etl']],
    ['a bad setting', 3, ['token', 'list', '--sessions-max', 'x']],
    ['a missing file', 3, ['token', 'list', '--config', '/no/such.toml']],
    ['a user who is not there', 1, ['user', 'show', 'nobody']],
    ['a name that is taken', 1, ['user', 'add', 'etl', '--service']],
    ['a store that is not there', 5, ['user', 'list', '--store-url', 'postgres://x@127.0.0.1:1/x']],
    ['help', 0, ['token', 'create', '--help']],
    ['a version', 0, ['--version']],
  ])('%s: %i', async (_, code, args) => {
    const ran = await run(args);
    expect(ran.code).toBe(code);
    if (code === 0) expect(ran.stderr).toBe('');
    else expect(ran).toMatchObject({ stdout: '', stderr: expect.stringMatching(/\S/) as string });
  });

  it('tells a script which check failed', async () => {
    const environment = { PATGATE_STORE_URL: 'postgres://u@127.0.0.1:1/d' };
    const ran = await run(['check', '-o', 'json'], { environment });
    expect([ran.code, JSON.parse(ran.stdout)]).toMatchObject([
      5,
      [
        { what: 'config', verdict: 'ok' },
        { what: 'tls', verdict: 'ok' },
        { what: 'store', verdict: 'FAILED', exitCode: 5 },
        { what: 'engine', verdict: 'ok' },
      ],
    ]);
  });

  it('names every problem of the configuration on a line of its own', async () => {
    const ran = await run(['user', 'list'], { environment: { PATGATE_WORKERS: 'x', PATGATE_DEMOS: '1' } });
    expect(ran).toMatchObject({ code: 3, stdout: '' });
    expect(ran.stderr).toBe(
      'patgate: unknown environment variable PATGATE_DEMOS (did you mean PATGATE_DEMO?)\n' +
        'patgate: PATGATE_WORKERS: "x" is not a whole number from 1 to 256\n',
    );
  });
});

describe('secrets', () => {
  it('are shown by no failing command', async () => {
    const url = 'postgres://someone:Hidden-Password@127.0.0.1:1/x';
    for (const args of [['user', 'list'], ['check'], ['migrate'], ['explain', '--user', 'x']]) {
      const { stdout, stderr } = await run([...args, '--log-level', 'trace'], {
        environment: { PATGATE_STORE_URL: url, PATGATE_ENGINE_URL: url },
      });
      expect(stdout + stderr).not.toContain('Hidden-Password');
    }
  });

  it('are not taken as arguments', async () => {
    const ran = await run(['user', 'list', '--store-url', 'postgres://u:Hidden-Password@h/d']);
    expect(ran.code).toBe(3);
    expect(ran.stderr).toMatch(/^patgate: --store-url: a secret on the command line/);
    expect(ran.stderr).not.toContain('Hidden-Password');
  });
});
