import { execFile, execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLoginServer, type Ending, type LoginServer } from '../../support/login-server.ts';
import { MemoryCredentials } from '../../support/memory-credentials.ts';

const run = promisify(execFile);
const credentials = new MemoryCredentials();
let server: LoginServer;
let token = '';
let tid = '';

beforeAll(async () => {
  server = await startLoginServer({ credentials });
  const ada = await credentials.addUser('ada', { password: 'pässword', scramIterations: 4096 });
  ({ text: token, tid } = await credentials.addToken(ada));
});

afterAll(() => server.close());

/** The login table, for clients nobody here wrote. `$tid` and `$pat` stand for the token's. */
const logins = [
  { user: '$token', secret: '$pat', method: 'scram-sha-256', by: 'token', mechanism: 'cleartext' },
  { user: 'token', secret: '$pat', method: 'scram-sha-256', by: 'token', mechanism: 'cleartext' },
  { user: '$token.$tid', secret: '$pat', method: 'scram-sha-256', by: 'token', mechanism: 'scram' },
  { user: 'ada', secret: 'pässword', method: 'scram-sha-256', by: 'password', mechanism: 'scram' },
  {
    user: 'ada@example.com',
    secret: 'pässword',
    method: 'scram-sha-256',
    by: 'password',
    mechanism: 'scram',
  },
  { user: 'ada', secret: '$pat', method: 'scram-sha-256', by: 'token', mechanism: 'scram' },
  { user: 'ada', secret: 'pässword', method: 'cleartext', by: 'password', mechanism: 'cleartext' },
  { user: 'ada', secret: '$pat', method: 'cleartext', by: 'token', mechanism: 'cleartext' },
] as const;

const filled = (text: string) => text.replace('$pat', token).replace('$tid', tid);

function expectProved(ending: Ending, { by, mechanism }: { by: string; mechanism: string }): void {
  expect(ending).toMatchObject({ kind: 'proved', principal: { name: 'ada', provedBy: by, mechanism } });
}

describe('node pg', () => {
  async function pgLogin(user: string, password: string, channelBinding: boolean): Promise<void> {
    const ca = await readFile(server.caFile, 'utf8');
    const client = new pg.Client({
      host: 'localhost',
      port: server.port,
      user,
      password,
      database: 'demo',
      ssl: { ca },
      enableChannelBinding: channelBinding,
    });
    await client.connect();
    await client.query('select 1');
    await client.end();
  }

  test.each(logins)('$user with $secret by $method', async ({ user, secret, method, by, mechanism }) => {
    for (const channelBinding of [false, true]) {
      server.deps = { ...server.deps, method };
      await pgLogin(filled(user), filled(secret), channelBinding);
      const scram = channelBinding ? 'scram-sha-256-plus' : 'scram-sha-256';
      expectProved(await server.ending(), { by, mechanism: mechanism === 'scram' ? scram : mechanism });
    }
  });

  test.each([
    { user: 'ada', secret: 'wrong' },
    { user: 'nobody', secret: 'pässword' },
    { user: '$token', secret: 'wrong' },
  ])('$user with $secret: 28P01', async ({ user, secret }) => {
    server.deps = { ...server.deps, method: 'scram-sha-256' };
    await expect(pgLogin(user, secret, true)).rejects.toMatchObject({
      code: '28P01',
      message: `password authentication failed for user "${user}"`,
    });
    await server.ending();
  });
});

describe.skipIf(!hasPsql())('psql', () => {
  function psql(user: string, password: string | null, parameters: string) {
    const uri = `host=localhost port=${server.port} dbname=demo connect_timeout=20 ${parameters}`;
    const env = {
      ...process.env,
      PGUSER: user,
      LC_ALL: 'C',
      ...(password === null ? {} : { PGPASSWORD: password }),
    };
    return run('psql', ['-X', '-w', '-c', 'select 1', '-d', uri], { env });
  }

  test.each(logins)('$user with $secret by $method', async ({ user, secret, method, by, mechanism }) => {
    server.deps = { ...server.deps, method };
    const verify = `sslmode=verify-full sslrootcert=${server.caFile}`;
    await psql(filled(user), filled(secret), verify);
    expectProved(await server.ending(), {
      by,
      mechanism: mechanism === 'scram' ? 'scram-sha-256-plus' : mechanism,
    });
  });

  test('SCRAM with channel binding required, and disabled', async () => {
    server.deps = { ...server.deps, method: 'scram-sha-256' };
    await psql('ada', 'pässword', 'sslmode=require channel_binding=require');
    expectProved(await server.ending(), { by: 'password', mechanism: 'scram-sha-256-plus' });
    await psql('ada', 'pässword', 'sslmode=require channel_binding=disable');
    expectProved(await server.ending(), { by: 'password', mechanism: 'scram-sha-256' });
    await psql('ada', token, 'sslmode=disable');
    expectProved(await server.ending(), { by: 'token', mechanism: 'scram-sha-256' });
  });

  test('a token without TLS: told what to do, and the token was not sent', async () => {
    await expect(psql('$token', token, 'sslmode=disable')).rejects.toMatchObject({
      stderr: expect.stringContaining('TLS is required to log in as "$token"') as string,
    });
    expect(await server.ending()).toMatchObject({ error: { code: 'login.tls_required' } });
  });

  test.each(['scram-sha-256', 'cleartext'] as const)(
    'without a password at hand it leaves when it is asked for one, by %s',
    async (method) => {
      server.deps = { ...server.deps, method };
      await expect(psql('ada', null, 'sslmode=require passfile=/dev/null')).rejects.toMatchObject({
        stderr: expect.stringContaining('no password supplied') as string,
      });
      expect(await server.ending()).toEqual({ kind: 'left' });
    },
  );
});

function hasPsql(): boolean {
  try {
    execFileSync('psql', ['--version']);
    return true;
  } catch {
    return false;
  }
}
