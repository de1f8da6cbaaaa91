import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { TARGETS, flagOf, variableOf, ENGINE_KEYS } from '../../../src/config/names.ts';

const folder = mkdtempSync(join(tmpdir(), 'patgate-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(content: string): string {
  const path = join(mkdtempSync(join(folder, 'f-')), 'patgate.toml');
  writeFileSync(path, content);
  return path;
}

function problemsOf(sources: Parameters<typeof loadConfig>[0]): readonly string[] {
  const loaded = loadConfig(sources);
  return loaded.ok ? [] : loaded.problems;
}

const fromEnvironment = (environment: Record<string, string>) => problemsOf({ environment });
const fromFlags = (flags: Record<string, string>) => problemsOf({ flags: new Map(Object.entries(flags)) });
/** The file's own path is left out of what is compared. */
const fromFile = (content: string) => {
  const path = fileWith(content);
  return problemsOf({ flags: new Map([['config', path]]) }).map((line) => line.replaceAll(path, 'FILE'));
};

describe('an environment variable', () => {
  it.each<[Record<string, string>, string]>([
    [
      { PATGATE_LISTEN_POSTGRESS: 'x' },
      'unknown environment variable PATGATE_LISTEN_POSTGRESS (did you mean PATGATE_LISTEN_POSTGRES?)',
    ],
    [{ PATGATE_WHATEVER_ELSE: 'x' }, 'unknown environment variable PATGATE_WHATEVER_ELSE'],
    [
      { PATGATE_SMTP_PORT: '25' },
      'unknown environment variable PATGATE_SMTP_PORT (did you mean PATGATE_SMTP_URL?)',
    ],
    [{ PATGATE_DEMO: 'maybe' }, 'PATGATE_DEMO: "maybe" is neither true nor false'],
    [{ PATGATE_SESSIONS_MAX: '-1' }, 'PATGATE_SESSIONS_MAX: "-1" is not a whole number from 0 to 10000000'],
    [{ PATGATE_SESSIONS_MAX: '1e3' }, 'PATGATE_SESSIONS_MAX: "1e3" is not a whole number from 0 to 10000000'],
    [{ PATGATE_WORKERS: '0' }, 'PATGATE_WORKERS: "0" is not a whole number from 1 to 256'],
    [{ PATGATE_TLS_MODE: 'on' }, 'PATGATE_TLS_MODE: "on" is not one of require, prefer, off'],
    [
      { PATGATE_LOGIN_TIMEOUT: '60' },
      'PATGATE_LOGIN_TIMEOUT: "60" is not a duration such as 500ms, 60s, 10min, 24h or 30d',
    ],
    [
      { PATGATE_LISTEN_POSTGRES: '6432' },
      'PATGATE_LISTEN_POSTGRES: "6432" is not HOST:PORT, such as 127.0.0.1:6432, [::1]:6432 or *:6432',
    ],
    [
      { PATGATE_LISTEN_POSTGRES: '127.0.0.1:65536' },
      'PATGATE_LISTEN_POSTGRES: "127.0.0.1:65536" is not HOST:PORT, such as 127.0.0.1:6432, [::1]:6432 or *:6432',
    ],
    [
      { PATGATE_LISTEN_PROXY_PROTOCOL_FROM: '10.0.0.0/8,10.0.0.0/33' },
      'PATGATE_LISTEN_PROXY_PROTOCOL_FROM: "10.0.0.0/33" is not an address or a CIDR block',
    ],
    [
      { PATGATE_STORE_URL: 'mysql://h/d' },
      'PATGATE_STORE_URL: is not a URL of the form postgres://USER@HOST:PORT/DATABASE',
    ],
    [{ PATGATE_STORE_URL: 'postgres:///d' }, 'PATGATE_STORE_URL: names no host'],
    [
      { PATGATE_STORE_URL: 'postgres://h/d?sslmode=verify' },
      'PATGATE_STORE_URL: sslmode is not one of disable, allow, prefer, require, verify-ca, verify-full',
    ],
    [{ PATGATE_STORE_URL_FILE: '/no/such/file' }, 'PATGATE_STORE_URL_FILE: /no/such/file: no such file'],
    [
      { PATGATE_STORE_URL: 'postgres://h/d', PATGATE_STORE_URL_FILE: '/no/such/file' },
      'PATGATE_STORE_URL and PATGATE_STORE_URL_FILE: give one of them only',
    ],
    [{ PATGATE_CONFIG: '/no/such/file.toml' }, '/no/such/file.toml: no such file'],
    [{ PATGATE_CONFIG: '/tmp' }, '/tmp: is a folder, not a file'],
    [{ PATGATE_TLS_CA_FILE: '/no/ca' }, 'PATGATE_TLS_CA_FILE: "/no/ca": no such file'],
    [
      { PATGATE_ENGINES_WH_URL: 'postgres://h/d', PATGATE_DATABASES: '*=wj' },
      'databases: * means the engine wj, which is not configured (did you mean wh?); engines: wh',
    ],
    [{ PATGATE_ENGINES_WH_IDENTITY: 'role' }, 'the engine wh has no url'],
    [{ PATGATE_DATABASES: 'a' }, 'PATGATE_DATABASES: "a=" is not NAME=ENGINE or NAME=ENGINE/DATABASE'],
    [{ PATGATE_DATABASES: 'a=main,a=main/b' }, 'PATGATE_DATABASES: "a" is given twice'],
    [
      { PATGATE_DATABASES: 'patgate=main' },
      'databases: patgate is the SQL console and can not be routed; set console.database to another name, or to off',
    ],
    [
      { PATGATE_DATABASES: 'tokens=main', PATGATE_CONSOLE_DATABASE: 'tokens' },
      'databases: tokens is the SQL console and can not be routed; set console.database to another name, or to off',
    ],
    [{ PATGATE_STORE_PASSWORD: 'x' }, 'PATGATE_STORE_PASSWORD: needs store.url too'],
    [{ PATGATE_WEBHOOK_URL: 'https://h/' }, 'PATGATE_WEBHOOK_URL: needs webhook.secret too'],
    [{ PATGATE_OAUTH_ISSUER: 'https://h/' }, 'PATGATE_OAUTH_ISSUER: needs oauth.audience too'],
    [
      { PATGATE_TLS_MODE: 'off', PATGATE_LOGIN_METHOD: 'cleartext' },
      'login.method = cleartext needs TLS, but tls.mode is off: nobody could log in',
    ],
    [
      { PATGATE_TLS_CERT_FILE: import.meta.filename },
      'tls.cert_file and tls.key_file belong together: give both or neither',
    ],
  ])('%j', (environment, expected) => {
    expect(fromEnvironment(environment)).toEqual([expected]);
  });

  it('that Kubernetes sets for a Service is no mistake', () => {
    expect(
      fromEnvironment({
        PATGATE_SERVICE_HOST: '10.0.0.1',
        PATGATE_SERVICE_PORT: '6432',
        PATGATE_SERVICE_PORT_POSTGRES: '6432',
        PATGATE_PORT: 'tcp://10.0.0.1:6432',
        PATGATE_PORT_6432_TCP: 'tcp://10.0.0.1:6432',
        PATGATE_PORT_6432_TCP_ADDR: '10.0.0.1',
        PATGATE_HTTP_PORT_8432_TCP_PROTO: 'tcp',
      }),
    ).toEqual([]);
  });

  it('without the prefix is none of our business', () => {
    expect(fromEnvironment({ PATGATES: 'x', POSTGRES_URL: 'x', patgate_demo: 'x' })).toEqual([]);
  });
});

describe('a flag', () => {
  it.each<[Record<string, string>, string]>([
    [{ 'listen-postgras': 'x' }, 'unknown option --listen-postgras (did you mean --listen-postgres?)'],
    [
      { 'store-url': 'postgres://u:p@h/d' },
      '--store-url: a secret on the command line can be seen by others; use PATGATE_STORE_URL or --store-url-file',
    ],
    [
      { 'store-url': 'postgres://u@h/d?password=p' },
      '--store-url: a secret on the command line can be seen by others; use PATGATE_STORE_URL or --store-url-file',
    ],
    [
      { 'bootstrap-admin-password': 'p' },
      '--bootstrap-admin-password: a secret on the command line can be seen by others; use PATGATE_BOOTSTRAP_ADMIN_PASSWORD or --bootstrap-admin-password-file',
    ],
  ])('%j', (flags, expected) => {
    expect(fromFlags(flags)).toEqual([expected]);
  });

  it('may hold a URL without a password', () => {
    expect(fromFlags({ 'store-url': 'postgres://u@h/d', 'engines-wh-url': 'postgres://u@h/d' })).toEqual([]);
  });
});

describe('the file', () => {
  it.each([
    ['a = [', 'FILE:1:5: unfinished array'],
    ['data_dir = 1', 'FILE: data_dir: must be a string'],
    ['workers = 1.5', 'FILE: workers: "1.5" is not a whole number from 1 to 256'],
    ['workers = [1]', 'FILE: workers: must be a whole number or a string'],
    ['demo = 1', 'FILE: demo: must be true or false or a string'],
    ['listen = "x"', 'FILE: unknown setting listen'],
    ['listne.postgres = "x"', 'FILE: unknown setting listne (did you mean listen?)'],
    ['listen.postgers = "x"', 'FILE: unknown setting listen.postgers (did you mean listen.postgres?)'],
    ['listen.postgres.host = "x"', 'FILE: listen.postgres: must be a string'],
    ['"a b\\n" = 1', 'FILE: unknown setting "a b\\n"'],
    ['login.token_users = [1]', 'FILE: login.token_users: must be an array of strings or a string'],
    ['databases = { a = 1 }', 'FILE: databases: must be a table of strings or a string'],
    ['store.url_file = "nope"', /^FILE: store\.url_file: .*\/nope: no such file$/],
    [
      'engines.Big.url = "x"',
      'FILE: "engines.Big": an engine name is lower-case letters, digits and underscores',
    ],
    ['engines.wh = "x"', 'FILE: engines.wh: must be a table'],
    ['engines.wh.urll = "x"', 'FILE: unknown setting engines.wh.urll (did you mean engines.wh.url?)'],
    [
      'engine.url = "postgres://h/d"\nengines.main.url = "postgres://h/e"',
      'engine.url and [engines.main] both describe the engine main',
    ],
    [
      'engines.a.url = "postgres://h/d"\nengines.b.url = "postgres://h/d"',
      'databases: * means the engine main, which is not configured; engines: a, b',
    ],
    [
      `engines.a.url = "postgres://h/d"\nengines.a.cert_file = ${JSON.stringify(import.meta.filename)}`,
      'engines.a.cert_file and engines.a.key_file belong together: give both or neither',
    ],
  ])('%j', (content, expected) => {
    expect(fromFile(content)).toEqual([
      expected instanceof RegExp ? (expect.stringMatching(expected) as string) : expected,
    ]);
  });

  it('gets every problem told at once', () => {
    const path = fileWith('x = 1\nlog.level = "loud"');
    const flags = new Map([
      ['config', path],
      ['y', '1'],
    ]);
    expect(problemsOf({ flags, environment: { PATGATE_Z: '1', PATGATE_WORKERS: 'z' } })).toHaveLength(5);
  });
});

describe('engines', () => {
  it('inherit what engine.* says, but for its URL', () => {
    const loaded = loadConfig({
      environment: {
        PATGATE_ENGINE_URL: 'postgres://u@main/d',
        PATGATE_ENGINE_PASSWORD: 'main-password',
        PATGATE_ENGINE_IDENTITY: 'role',
        PATGATE_ENGINES_BIG_WH_URL: 'postgres://u@wh/d',
        PATGATE_ENGINES_BIG_WH_CONNECT_TIMEOUT: '1s',
      },
    });
    if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
    const { engines } = loaded.config;
    expect([...engines.keys()].sort()).toEqual(['big_wh', 'main']);
    expect(engines.get('big_wh')).toMatchObject({ identity: 'role', connectTimeout: 1000 });
    expect(engines.get('big_wh')?.url.reveal()).toBe('postgres://u@wh/d');
    expect(engines.get('main')).toMatchObject({ identity: 'role', connectTimeout: 10_000 });
    expect(engines.get('main')?.url.reveal()).toBe('postgres://u:main-password@main/d');
  });

  it('serve every database when there is only one', () => {
    const loaded = loadConfig({ environment: { PATGATE_ENGINES_WH_URL: 'postgres://u@wh/d' } });
    expect(loaded.ok && loaded.config.databases.get('*')).toEqual({ engine: 'wh', database: null });
  });
});

describe('names', () => {
  it.each([
    ['flags', flagOf],
    ['environment variables', variableOf],
  ])('of %s are unambiguous', (_, nameOf) => {
    const names = [...TARGETS.keys()].map(nameOf);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => /^(PATGATE_ENGINES_|engines-)/.test(name))).toEqual([]);
  });

  it('of engines end where the key begins, in one way only', () => {
    const keys = [...ENGINE_KEYS.keys()];
    for (const key of keys) {
      expect(keys.filter((other) => other.endsWith(`_${key}`))).toEqual([]);
    }
  });
});

describe('secrets', () => {
  it('are in no printed form of the configuration, nor in a problem', () => {
    const environment = {
      PATGATE_STORE_URL: 'postgres://u:Hidden1@h/d',
      PATGATE_ENGINE_URL: 'postgres://u:Hidden2@h/d',
      PATGATE_WEBHOOK_URL: 'https://h/Hidden3',
      PATGATE_WEBHOOK_SECRET: 'Hidden4',
      PATGATE_SMTP_URL: 'smtp://u:Hidden5@h',
      PATGATE_SMTP_FROM: 'a@b',
      PATGATE_BOOTSTRAP_ADMIN_PASSWORD: 'Hidden6',
    };
    const loaded = loadConfig({ environment });
    if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
    expect(inspect(loaded, { depth: 9 }) + JSON.stringify(loaded)).not.toMatch(/Hidden/);
    const broken = Object.fromEntries(
      Object.entries(environment).map(([name, value]) => [name, `bad-${value}\0`]),
    );
    expect(fromEnvironment(broken).length).toBeGreaterThan(3);
    expect(fromEnvironment(broken).join('\n')).not.toMatch(/Hidden/);
  });

  it('end before the line break of their file, and at no other', () => {
    const path = fileWith('pass word \n\n');
    const loaded = loadConfig({ environment: { PATGATE_BOOTSTRAP_ADMIN_PASSWORD_FILE: path } });
    expect(loaded.ok && loaded.config.bootstrap.adminPassword?.reveal()).toBe('pass word \n');
  });
});

describe('the configuration', () => {
  it('can not be changed', () => {
    const loaded = loadConfig({});
    if (!loaded.ok) throw new Error('no configuration');
    expect(Object.isFrozen(loaded.config)).toBe(true);
    expect(Object.isFrozen(loaded.config.listen)).toBe(true);
  });
});
