import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemActor } from '../../src/accounts/actor.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { queryOne } from '../support/query.ts';
import { makeDirectory } from '../support/temporary.ts';

const ADMIN = systemActor('accounts test');
const PASSWORD = randomBytes(12).toString('base64url');
const [WRITER = '', READER = ''] = ['writer', 'reader'].map(
  (name) => `${name}_${randomBytes(4).toString('hex')}`,
);

describe('sessions that run as the role of their user', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    const passwordsFile = join(await makeDirectory(), 'userlist.txt');
    const lines = [WRITER, READER].map((role) => `"${role}" "${PASSWORD}"\n`);
    await writeFile(passwordsFile, lines.join(''), { mode: 0o600 });
    gateway = await startGateway({ 'engine.identity': 'role', 'engine.passwords_file': passwordsFile });
    for (const role of [WRITER, READER]) {
      await queryOne(gateway.engine.url, `create role ${role} login password '${PASSWORD}'`);
    }
  });
  afterAll(async () => {
    for (const role of [WRITER, READER]) await queryOne(gateway.engine.url, `drop role if exists ${role}`);
    await gateway.stop();
  });

  const roleOf = async (client: pg.Client): Promise<unknown> =>
    (await client.query<{ role: string }>('select current_user as role')).rows[0]?.role;

  async function open(user: string, secret: string): Promise<{ client: pg.Client; ended: Promise<string> }> {
    const client = new pg.Client(gateway.clientConfig(user, secret));
    const ended = new Promise<string>((resolve) => {
      client.on('error', (error: Error) => resolve(error.message));
    });
    await client.connect();
    return { client, ended };
  }

  const onEngine = (role: string): Promise<unknown> =>
    queryOne(gateway.engine.url, `select count(*)::int from pg_stat_activity where usename = '${role}'`);

  it('end when the user is given another role, and those that do not run as it go on', async () => {
    const ada = await gateway.addUser('ada', { engineRole: WRITER });
    const { token } = await gateway.issueToken(ada);
    const loader = await gateway.issueToken(ada, { role: READER });
    const byPassword = await open('ada', ada.password);
    const byToken = await open('$token', token);
    const granted = await open('$token', loader.token);
    expect(await roleOf(byPassword.client)).toBe(WRITER);
    await gateway.services.accounts.setUser(ADMIN, ada.uid, { engineRole: READER });
    for (const { ended } of [byPassword, byToken]) {
      expect(await ended).toMatch(new RegExp(`role "${WRITER}" is no longer that of user "ada"`));
    }
    expect(await roleOf(granted.client)).toBe(READER);
    await granted.client.end();
    const again = await open('$token', token);
    expect(await roleOf(again.client)).toBe(READER);
    await again.client.end();
  });

  it.each(['disableUser', 'removeUser'] as const)(
    'leave nothing on the engine after %s',
    async (takeAway) => {
      const bob = await gateway.addUser(`bob-${takeAway}`, { engineRole: WRITER });
      const { client } = await open(bob.name, bob.password);
      await client.end();
      // Kept for the next session of the same user…
      await expect.poll(() => onEngine(WRITER)).toBe(1);
      await gateway.services.accounts[takeAway](ADMIN, bob.uid);
      // …which will never come.
      await expect.poll(() => onEngine(WRITER)).toBe(0);
    },
  );

  it('are in the log as the audit has them, and the audit verifies', async () => {
    await gateway.services.audit.flush();
    await expect
      .poll(async () => {
        const rows = await gateway.services.audit.list({ action: 'session.close', limit: 1000 });
        return rows.filter(({ actor }) => actor.name === 'ada').length;
      })
      .toBe(4);
    const logged = gateway.logged().filter(({ msg }) => msg === 'audit');
    const stored = await gateway.services.audit.list({ limit: 1000 });
    const actions = ['login', 'session.close'];
    for (const row of stored.filter(({ action }) => actions.includes(action))) {
      expect(logged.map(({ audit }) => audit)).toContainEqual(JSON.parse(JSON.stringify(row)));
    }
    expect(await gateway.services.audit.verify()).toMatchObject({ ok: true });
  });
});
