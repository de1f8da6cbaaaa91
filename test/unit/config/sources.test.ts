import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { flagOf, variableOf } from '../../../src/config/names.ts';
import { SETTING_NAMES, SETTINGS, type SettingName } from '../../../src/config/settings.ts';
import { Secret } from '../../../src/core/secret.ts';

const folder = mkdtempSync(join(tmpdir(), 'patgate-config-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'some.pem');
writeFileSync(file, 'x');

interface Example {
  readonly text: string;
  /** In the configuration file; the text as a string when left out. */
  readonly toml?: string;
  /** Other settings that this one cannot be without. */
  readonly with?: Partial<Record<SettingName, string>>;
  readonly expected: unknown;
  /** Where it is found; derived from the name when left out. */
  readonly at?: (config: Config) => unknown;
}

const address = (host: string, port: number) => ({ host, port });
const url = 'postgres://ada@db.example/store';

/** A value other than the default for each setting; the type makes sure that none is forgotten. */
const EXAMPLES: Record<SettingName, Example> = {
  data_dir: { text: '/srv/patgate', expected: '/srv/patgate' },
  workers: { text: '3', toml: '3', expected: 3 },
  'shutdown.grace': { text: '2 min', expected: 120_000 },
  'shutdown.delay': { text: '5s', expected: 5000 },
  demo: { text: 'off', toml: 'false', expected: false },
  'listen.postgres': { text: '[::1]:0', expected: address('::1', 0) },
  'listen.http': { text: 'off', expected: null },
  'listen.metrics': { text: '*:9000', expected: address('::', 9000) },
  'listen.public_address': { text: 'sql.example:5432', expected: address('sql.example', 5432) },
  'listen.keepalive': { text: '45s', expected: 45_000 },
  'listen.proxy_protocol_from': {
    text: '10.0.0.0/8, fd00::/8',
    toml: '["10.0.0.0/8", "fd00::/8"]',
    expected: ['10.0.0.0/8', 'fd00::/8'],
  },
  'tls.mode': { text: 'prefer', expected: 'prefer' },
  'tls.cert_file': { text: file, expected: file, with: { 'tls.key_file': file } },
  'tls.key_file': { text: file, expected: file, with: { 'tls.cert_file': file } },
  'tls.ca_file': { text: file, expected: file },
  'store.url': { text: url, expected: url },
  'store.connect_timeout': { text: '3s', expected: 3000 },
  'store.query_timeout': { text: '1min', expected: 60_000 },
  'store.password': {
    text: 'p/w:%@',
    with: { 'store.url': url },
    expected: 'postgres://ada:p%2Fw%3A%25%40@db.example/store',
    at: (config) => config.store.url,
  },
  'store.pool_size': { text: '25', toml: '25', expected: 25 },
  'login.method': { text: 'cleartext', expected: 'cleartext' },
  'login.token_users': { text: 'pat,$pat', toml: '["pat", "$pat"]', expected: ['pat', '$pat'] },
  'login.timeout': { text: '1500ms', expected: 1500 },
  'login.first_byte_timeout': { text: '3s', expected: 3000 },
  'login.store_grace': { text: '15m', expected: 900_000 },
  'login.max_pending': { text: '500', toml: '500', expected: 500 },
  'login.max_pending_per_address': { text: '50', toml: '50', expected: 50 },
  'login.throttle_free': { text: '3', toml: '3', expected: 3 },
  'login.throttle_first_wait': { text: '2s', expected: 2000 },
  'login.throttle_longest_wait': { text: '1h', expected: 3_600_000 },
  'login.throttle_forgive_every': { text: '5s', expected: 5000 },
  'oauth.issuer': {
    text: 'https://id.example/',
    with: { 'oauth.audience': 'patgate' },
    expected: 'https://id.example',
  },
  'oauth.audience': { text: 'aud', with: { 'oauth.issuer': 'https://id.example' }, expected: 'aud' },
  'oauth.jwks_url': {
    text: 'https://id.example/keys',
    with: { 'oauth.issuer': 'https://id.example', 'oauth.audience': 'patgate' },
    expected: 'https://id.example/keys',
  },
  'oauth.user_claim': { text: 'sub', expected: 'sub' },
  'oauth.client_id': {
    text: 'page',
    with: { 'oauth.issuer': 'https://id.example', 'oauth.audience': 'patgate' },
    expected: 'page',
  },
  'oauth.client_secret': {
    text: 'hush',
    with: {
      'oauth.issuer': 'https://id.example',
      'oauth.audience': 'patgate',
      'oauth.client_id': 'page',
    },
    expected: 'hush',
  },
  'oauth.scopes': { text: 'openid', toml: '["openid"]', expected: ['openid'] },
  'engine.url': { text: url, expected: url, at: (config) => config.engines.get('main')?.url },
  'engine.password': {
    text: 'pw',
    with: { 'engine.url': url },
    expected: 'postgres://ada:pw@db.example/store',
    at: (config) => config.engines.get('main')?.url,
  },
  'engine.identity': engineExample('role', 'role', (engine) => engine.identity),
  'engine.ca_file': engineExample(file, file, (engine) => engine.caFile),
  'engine.cert_file': engineExample(file, file, (engine) => engine.certFile, { 'engine.key_file': file }),
  'engine.key_file': engineExample(file, file, (engine) => engine.keyFile, { 'engine.cert_file': file }),
  'engine.passwords_file': engineExample(file, file, (engine) => engine.passwordsFile),
  'engine.connect_timeout': engineExample('4s', 4000, (engine) => engine.connectTimeout),
  'engine.keepalive': engineExample('30s', 30_000, (engine) => engine.keepalive),
  'engine.insecure_passwords': engineExample('yes', true, (engine) => engine.insecurePasswords),
  databases: {
    text: '*=main, sales = main/sales_prod',
    toml: '{ "*" = "main", sales = "main/sales_prod" }',
    expected: new Map([
      ['*', { engine: 'main', database: null }],
      ['sales', { engine: 'main', database: 'sales_prod' }],
    ]),
  },
  'console.database': { text: 'tokens', expected: 'tokens' },
  'sessions.max': { text: '5', toml: '5', expected: 5 },
  'sessions.max_per_user': { text: '6', toml: '6', expected: 6 },
  'sessions.max_per_address': { text: '7', toml: '7', expected: 7 },
  'sessions.idle_timeout': { text: '1 day', expected: 86_400_000 },
  'sessions.expiry_grace': { text: '1s', expected: 1000 },
  'sessions.allow_replication': { text: 'no', toml: 'false', expected: false },
  'pool.reuse': { text: 'off', expected: 'off' },
  'pool.max_idle_per_key': { text: '0', toml: '0', expected: 0 },
  'pool.max_idle': { text: '9', toml: '9', expected: 9 },
  'pool.idle_timeout': { text: '5s', expected: 5000 },
  'http.max_connections': { text: '77', toml: '77', expected: 77 },
  'http.max_connections_per_address': { text: '7', toml: '7', expected: 7 },
  'http.public_url': { text: 'https://sql.example/', expected: 'https://sql.example' },
  'http.trusted_proxies': { text: '192.0.2.1', toml: '["192.0.2.1"]', expected: ['192.0.2.1'] },
  'notices.login_expiry': { text: 'false', toml: 'false', expected: false },
  'webhook.url': {
    text: 'https://hooks.example/secret-path',
    with: { 'webhook.secret': 'key' },
    expected: 'https://hooks.example/secret-path',
  },
  'webhook.secret': { text: 'key', expected: 'key' },
  'smtp.url': {
    text: 'smtps://u:p@mail.example:465',
    with: { 'smtp.from': 'patgate@example' },
    expected: 'smtps://u:p@mail.example:465',
  },
  'smtp.from': { text: 'patgate@example', expected: 'patgate@example' },
  'bootstrap.admin_user': { text: 'root', expected: 'root' },
  'bootstrap.admin_password': { text: 'first', expected: 'first' },
  'log.level': { text: 'debug', expected: 'debug' },
  'log.file': { text: '/var/log/patgate.log', expected: '/var/log/patgate.log' },
};

type Engine = NonNullable<ReturnType<Config['engines']['get']>>;

function engineExample(
  text: string,
  expected: unknown,
  pick: (engine: Engine) => unknown,
  others: Example['with'] = {},
): Example {
  const at = (config: Config): unknown => {
    const engine = config.engines.get('main');
    return engine === undefined ? undefined : pick(engine);
  };
  const toml = typeof expected === 'boolean' ? String(expected) : JSON.stringify(text);
  return { text, toml, expected, with: { 'engine.url': url, ...others }, at };
}

/** By the rule that names in the configuration follow from names of settings. */
function valueAt(config: Config, name: string): unknown {
  const steps = name
    .split('.')
    .map((part) => part.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
  return steps.reduce<unknown>((value, step) => (value as Record<string, unknown>)[step], config);
}

function bare(value: unknown): unknown {
  return value instanceof Secret ? value.reveal() : value;
}

function load(sources: Parameters<typeof loadConfig>[0], name: SettingName, example: Example) {
  const loaded = loadConfig(sources);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  return {
    value: bare((example.at ?? ((config) => valueAt(config, name)))(loaded.config)),
    origin: loaded.origins.get(name),
  };
}

function tomlFile(content: string): string {
  const path = join(mkdtempSync(join(folder, 'toml-')), 'patgate.toml');
  writeFileSync(path, content);
  return path;
}

function tomlLine(name: SettingName, example: Example): string {
  return `${name} = ${example.toml ?? JSON.stringify(example.text)}`;
}

function secretFile(text: string): string {
  const path = join(mkdtempSync(join(folder, 'secret-')), 'secret');
  writeFileSync(path, `${text}\n`);
  return path;
}

describe.each(SETTING_NAMES)('%s', (name) => {
  const example = EXAMPLES[name];
  const others = Object.entries(example.with ?? {});
  const environmentOfOthers = Object.fromEntries(others.map(([other, text]) => [variableOf(other), text]));

  it('is not what it is by default', () => {
    const without = loadConfig({});
    if (!without.ok) throw new Error(without.problems.join('\n'));
    expect(bare((example.at ?? ((config) => valueAt(config, name)))(without.config))).not.toEqual(
      example.expected,
    );
  });

  it('can be an environment variable', () => {
    const environment = { ...environmentOfOthers, [variableOf(name)]: example.text };
    expect(load({ environment }, name, example)).toEqual({
      value: example.expected,
      origin: 'environment',
    });
  });

  it('can be in the file', () => {
    const flags = new Map([['config', tomlFile(tomlLine(name, example))]]);
    expect(load({ flags, environment: environmentOfOthers }, name, example)).toEqual({
      value: example.expected,
      origin: 'file',
    });
  });

  if (SETTINGS[name].isSecret) {
    it('can be in a file of its own, named by each source', () => {
      const path = secretFile(example.text);
      const key = `${name}_file`;
      const sources = [
        { flags: new Map([[flagOf(key), path]]), environment: environmentOfOthers },
        { environment: { ...environmentOfOthers, [variableOf(key)]: path } },
        {
          flags: new Map([['config', tomlFile(`${key} = ${JSON.stringify(path)}`)]]),
          environment: environmentOfOthers,
        },
      ];
      for (const source of sources) expect(load(source, name, example).value).toEqual(example.expected);
    });
  } else {
    it('can be a flag, which comes first', () => {
      const environment = { ...environmentOfOthers, [variableOf(name)]: 'not looked at' };
      const flags = new Map([[flagOf(name), example.text]]);
      expect(load({ flags, environment }, name, example)).toEqual({
        value: example.expected,
        origin: 'flag',
      });
    });
  }
});

describe('precedence', () => {
  const levels = (config: Config) => config.log.level;

  it.each([
    { flag: 'trace', variable: 'debug', inFile: 'warn', expected: 'trace' },
    { flag: null, variable: 'debug', inFile: 'warn', expected: 'debug' },
    { flag: null, variable: '', inFile: 'warn', expected: 'warn' },
    { flag: null, variable: '', inFile: null, expected: 'info' },
  ])('$expected wins', ({ flag, variable, inFile, expected }) => {
    const flags = new Map<string, string>();
    if (flag !== null) flags.set('log-level', flag);
    const environment: Record<string, string> = { PATGATE_LOG_LEVEL: variable };
    if (inFile !== null) environment['PATGATE_CONFIG'] = tomlFile(`log.level = "${inFile}"`);
    const loaded = loadConfig({ flags, environment });
    expect(loaded.ok && levels(loaded.config)).toBe(expected);
  });

  it('starts relative paths in the file at its folder', () => {
    const path = tomlFile('data_dir = "data"');
    const loaded = loadConfig({ flags: new Map([['config', path]]) });
    expect(loaded.ok && loaded.config.dataDir).toBe(join(path, '..', 'data'));
  });

  it('keeps data below XDG_DATA_HOME, else below the home folder', () => {
    const dataDir = (environment: Record<string, string>) => {
      const loaded = loadConfig({ environment });
      return loaded.ok && loaded.config.dataDir;
    };
    expect(dataDir({ HOME: '/home/ada', XDG_DATA_HOME: '/data' })).toBe('/data/patgate');
    expect(dataDir({ HOME: '/home/ada', XDG_DATA_HOME: 'relative' })).toBe('/home/ada/.local/share/patgate');
    expect(dataDir({ HOME: '/home/ada' })).toBe('/home/ada/.local/share/patgate');
  });
});
