import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dial } from '../../../src/upstream/dial.ts';
import { admin, PASSWORD, startMethodCluster, type MethodCluster } from './cluster.ts';
import {
  ask,
  dial,
  failure,
  NO_POOL,
  open,
  principal,
  tokenFor,
  upstreamOf,
  type EngineSettings,
} from './support.ts';

let methods: MethodCluster;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'patgate-auth-'));
  methods = await startMethodCluster();
  write('ca.crt', methods.authority.certificate);
  const client = methods.authority.issue('patgate gateway');
  write('client.crt', client.certificate);
  write('client.key', client.key);
});
afterAll(async () => {
  await methods.drop();
  rmSync(directory, { recursive: true, force: true });
});

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

function urlFor(role: string, password: string, parameters = ''): string {
  const { cluster } = methods;
  const secret = password === '' ? '' : `:${encodeURIComponent(password)}`;
  return `postgres://${role}${secret}@127.0.0.1:${cluster.port}/postgres${parameters}`;
}

/** Opens a session and asks the engine who and how it is. */
async function logIn(
  engine: EngineSettings,
  settings: Parameters<typeof upstreamOf>[1] = {},
  who = principal(),
): Promise<string> {
  const upstream = await upstreamOf(engine, { pool: NO_POOL, ...settings });
  try {
    const session = await open(upstream, { who });
    const [row = []] = await ask(
      session,
      `SELECT session_user, split_part(system_user, ':', 1), coalesce(ssl, false)
         FROM pg_stat_ssl WHERE pid = pg_backend_pid()`,
    );
    upstream.giveBack(session, { reusable: true });
    return row.join(' ');
  } finally {
    await upstream.close();
  }
}

/** A dial whose peers seem to be on another machine. */
const abroad: Dial = {
  ...dial,
  async socket(target, options) {
    const socket = await dial.socket(target, options);
    Object.defineProperty(socket, 'remoteAddress', { value: '192.0.2.1' });
    return socket;
  },
};

describe('a role logs in to a real engine', () => {
  it.each([
    ['by_trust', '', '?sslmode=disable', 'by_trust NULL f'],
    ['by_cleartext', PASSWORD, '?sslmode=disable', 'by_cleartext password f'],
    ['by_cleartext', PASSWORD, '?sslmode=require', 'by_cleartext password t'],
    ['by_md5', PASSWORD, '?sslmode=disable', 'by_md5 md5 f'],
    ['by_scram', PASSWORD, '?sslmode=disable', 'by_scram scram-sha-256 f'],
    ['by_scram', PASSWORD, '', 'by_scram scram-sha-256 t'],
    ['by_scram', PASSWORD, '?channel_binding=require', 'by_scram scram-sha-256 t'],
    ['by_scram', PASSWORD, '?channel_binding=disable', 'by_scram scram-sha-256 t'],
    ['by_tls_scram', PASSWORD, '?sslmode=require&sslnegotiation=direct', 'by_tls_scram scram-sha-256 t'],
  ])('%s (%#)', async (role, password, parameters, expected) => {
    expect(await logIn({ url: urlFor(role, password, parameters) })).toBe(expected);
  });

  it('over a Unix socket, whatever sslmode says', async () => {
    const { cluster } = methods;
    const caFile = join(directory, 'ca.crt');
    const url = `postgres://by_scram:${encodeURIComponent(PASSWORD)}@/postgres?host=${cluster.socketDirectory ?? ''}&port=${cluster.port}`;
    expect(await logIn({ url, caFile })).toBe('by_scram scram-sha-256 f');
  });

  it('by a client certificate that the engine maps to any role', async () => {
    const files = { certFile: join(directory, 'client.crt'), keyFile: join(directory, 'client.key') };
    const engine: EngineSettings = { url: urlFor('x', ''), identity: 'role', ...files };
    const who = principal({ engineRole: 'by_certificate' });
    expect(await logIn(engine, {}, who)).toBe('by_certificate cert t');
  });
});

describe('a userlist', () => {
  async function storedSecret(role: string): Promise<string> {
    const { rows } = await admin(methods.cluster, (client) =>
      client.query<{ rolpassword: string }>('SELECT rolpassword FROM pg_authid WHERE rolname = $1', [role]),
    );
    return rows[0]?.rolpassword ?? '';
  }

  /** The keys form, made as docs/engines.md says. */
  async function keysOf(role: string): Promise<string> {
    const [, iterations = '', salt = ''] =
      /^SCRAM-SHA-256\$(\d+):([^$]+)/.exec(await storedSecret(role)) ?? [];
    const [, program = ''] = /node -e '([^']+)'/.exec(readFileSync('docs/engines.md', 'utf8')) ?? [];
    const args = ['-e', program, iterations, salt];
    return execFileSync(process.execPath, args, { input: PASSWORD, encoding: 'utf8' }).trim();
  }

  async function byList(role: string, secret: string, parameters = ''): Promise<string> {
    const passwordsFile = write('users.txt', `"${role}" "${secret.replaceAll('"', '""')}"\n`);
    const engine: EngineSettings = {
      url: urlFor('x', 'not for others', parameters),
      identity: 'role',
      passwordsFile,
    };
    return logIn(engine, {}, principal({ engineRole: role }));
  }

  it.each(['by_cleartext', 'by_md5', 'by_scram'])('holds a password for %s', async (role) => {
    expect(await byList(role, PASSWORD)).toMatch(role);
  });

  it('holds an MD5', async () => {
    const secret = await storedSecret('by_md5');
    expect(secret).toMatch(/^md5/);
    expect(await byList('by_md5', secret)).toMatch('by_md5');
  });

  it('holds SCRAM keys, with and without channel binding', async () => {
    expect(await byList('by_scram', await keysOf('by_scram'), '?sslmode=disable')).toBe(
      'by_scram scram-sha-256 f',
    );
    expect(await byList('by_scram', await keysOf('by_scram'), '?channel_binding=require')).toMatch(
      'by_scram',
    );
  });

  it.each([
    ['SCRAM keys of another salt', () => keysOf('by_tls_scram'), 'by_scram', 'engine.credential_rejected'],
    ['SCRAM keys where MD5 is asked for', () => keysOf('by_scram'), 'by_md5', 'engine.credential_rejected'],
    [
      'an MD5 where SCRAM is asked for',
      () => storedSecret('by_md5'),
      'by_scram',
      'engine.credential_rejected',
    ],
    [
      'an MD5 where the password is asked for',
      () => storedSecret('by_md5'),
      'by_cleartext',
      'engine.credential_rejected',
    ],
    ['nothing', () => Promise.resolve(''), 'by_scram', 'engine.credential_rejected'],
    ['a wrong password', () => Promise.resolve('wrong'), 'by_scram', 'engine.credential_rejected'],
  ])('is of no use with %s', async (_what, secret, role, code) => {
    const error = await failure(byList(role, await secret()));
    expect(error.code).toBe(code);
    expect(error.client).toEqual({
      severity: 'FATAL',
      sqlState: '08004',
      message: `the gateway could not log in to engine "main" as "${role}"`,
    });
  });

  it('does not lend the URL’s password to another role', async () => {
    const engine: EngineSettings = { url: urlFor('by_cleartext', PASSWORD), identity: 'role' };
    expect((await failure(logIn(engine, {}, principal({ engineRole: 'by_md5' })))).code).toBe(
      'engine.credential_rejected',
    );
    expect(await logIn(engine, {}, principal({ engineRole: 'by_cleartext' }))).toMatch('by_cleartext');
  });

  it('is read again on reload, and a broken one changes nothing', async () => {
    const passwordsFile = write('reloaded.txt', '"by_scram" "wrong"\n');
    const engine: EngineSettings = { url: urlFor('x', ''), identity: 'role', passwordsFile };
    const upstream = await upstreamOf(engine, { pool: NO_POOL });
    const who = principal({ engineRole: 'by_scram' });
    await failure(open(upstream, { who }));
    write('reloaded.txt', `"by_scram" "${PASSWORD.replaceAll('"', '""')}"\n`);
    await upstream.reload();
    upstream.giveBack(await open(upstream, { who }), { reusable: true });
    write('reloaded.txt', 'broken\n');
    await expect(upstream.reload()).rejects.toThrow(/reloaded\.txt|passwords_file, line 1/);
    upstream.giveBack(await open(upstream, { who }), { reusable: true });
    await upstream.close();
  });
});

describe('what the engine refuses, and what is refused to the engine', () => {
  it.each([
    ['a wrong password', 'by_scram', 'wrong'],
    ['a wrong password in cleartext', 'by_cleartext', 'wrong'],
    ['a wrong password by MD5', 'by_md5', 'wrong'],
    ['a role that does not exist', 'nobody', PASSWORD],
    ['a role that pg_hba.conf does not know', 'by_certificate', PASSWORD],
    ['no certificate', 'by_certificate', ''],
  ])('%s becomes 08004, never 28P01', async (_what, role, password) => {
    const error = await failure(logIn({ url: urlFor(role, password) }));
    expect(error.code).toBe('engine.credential_rejected');
    expect(error.client).toMatchObject({ sqlState: '08004' });
    expect(JSON.stringify([error.client, error.message])).not.toContain(PASSWORD);
  });

  it.each(['by_cleartext', 'by_md5'])('%s is not answered in the clear on another machine', async (role) => {
    const url = urlFor(role, PASSWORD, '?sslmode=disable');
    const settings = { deps: { dial: abroad } };
    expect((await failure(logIn({ url }, settings))).code).toBe('engine.unsupported_authentication');
    expect(await logIn({ url, insecurePasswords: true }, settings)).toMatch(role);
    expect(await logIn({ url: urlFor(role, PASSWORD, '?sslmode=require') }, settings)).toMatch(role);
  });

  it('SCRAM needs no such care', async () => {
    const settings = { deps: { dial: abroad } };
    expect(await logIn({ url: urlFor('by_scram', PASSWORD, '?sslmode=disable') }, settings)).toMatch(
      'by_scram',
    );
  });

  it.each([
    ['by_scram', '?sslmode=disable&channel_binding=require'],
    ['by_trust', '?channel_binding=require'],
    ['by_cleartext', '?channel_binding=require'],
  ])('%s with %s is turned down', async (role, parameters) => {
    const error = await failure(logIn({ url: urlFor(role, PASSWORD, parameters) }));
    expect(error.code).toBe('engine.unsupported_authentication');
  });
});

describe('who a session is', () => {
  const engine = (): EngineSettings => ({ url: urlFor('by_cleartext', PASSWORD), identity: 'role' });

  it.each([
    ['the principal’s engine role', principal({ engineRole: 'by_trust' }), 'by_trust'],
    [
      'the token’s role before it',
      principal({ engineRole: 'nobody', token: tokenFor('by_trust') }),
      'by_trust',
    ],
    [
      'the principal’s for a token without',
      principal({ engineRole: 'by_trust', token: tokenFor(null) }),
      'by_trust',
    ],
  ])('%s', async (_what, who, role) => {
    expect(await logIn(engine(), {}, who)).toMatch(role);
  });

  it('is the URL’s user with identity service, whatever the principal’s role', async () => {
    const service: EngineSettings = { url: urlFor('by_trust', '') };
    expect(await logIn(service, {}, principal({ engineRole: 'by_scram' }))).toMatch('by_trust');
    expect(await logIn(service, {}, principal({ token: tokenFor('by_trust') }))).toMatch('by_trust');
  });

  it.each([
    ['no role at all', 'role', principal(), /user "ada" has no engine role/],
    ['an empty role', 'role', principal({ engineRole: '' }), /user "ada" has no engine role/],
    [
      'a role that PostgreSQL would cut short',
      'role',
      principal({ engineRole: `${'x'.repeat(63)}y` }),
      /63 bytes/,
    ],
    [
      'a token for another role than the service’s',
      'service',
      principal({ token: tokenFor('by_scram') }),
      /"by_scram"/,
    ],
  ] as const)('%s opens nothing', async (_what, identity, who, message) => {
    const error = await failure(logIn({ ...engine(), identity }, {}, who));
    expect(error).toMatchObject({ code: 'login.role_not_allowed', client: { sqlState: '28000' } });
    expect(error.client.message).toMatch(message);
  });
});
