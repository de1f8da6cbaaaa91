import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemActor } from '../../src/accounts/actor.ts';
import { Secret } from '../../src/core/secret.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { startGateway, type TestGateway, type TestUser } from '../support/gateway.ts';
import { startIdentityProvider, type IdentityProvider } from '../support/identity-provider.ts';
import { openSession, ping, type OpenSession } from '../support/session.ts';
import { errorFields, WireClient } from '../support/wire-client.ts';

const ADMIN = systemActor('password test');
const CONSOLE = 'patgate';
const ENDED = {
  code: '57P01',
  message: expect.stringMatching(/the password of user "\w+" was changed; log in with the new one/) as string,
};

const change = ({ services }: TestGateway, { uid }: TestUser, password = 'another password') =>
  services.accounts.setPassword(ADMIN, uid, new Secret(password));

let made = 0;
function addUser(gateway: TestGateway): Promise<TestUser> {
  made += 1;
  return gateway.addUser(`user${made}`, { email: `user${made}@example.com` });
}

describe.each(['scram-sha-256', 'cleartext'])('a changed password where logins are by %s', (method) => {
  let provider: IdentityProvider;
  let gateway: TestGateway;
  let user: TestUser;
  beforeAll(async () => {
    provider = await startIdentityProvider();
    gateway = await startGateway({
      'login.method': method,
      'oauth.issuer': provider.issuer,
      'oauth.audience': 'patgate',
    });
  });
  afterAll(async () => {
    await gateway.stop();
    await provider.close();
  });
  beforeEach(async () => {
    user = await addUser(gateway);
  });

  const open = (name: string, secret: string, database?: string): Promise<OpenSession> =>
    openSession(gateway.clientConfig(name, secret, database));

  it('ends the sessions that the old one opened, with an engine and with the console', async () => {
    const sessions = await Promise.all([
      open(user.name, user.password),
      open(user.name, user.password, CONSOLE),
    ]);
    await change(gateway, user);
    for (const { ended } of sessions) expect(await ended).toEqual(ENDED);
    await expect
      .poll(async () =>
        (await gateway.services.audit.list({ action: 'session.close', uid: user.uid })).map(
          ({ reason }) => reason,
        ),
      )
      .toEqual(['session.password_changed', 'session.password_changed']);
    const again = await open(user.name, 'another password');
    expect(await ping(again.client)).toBe(1);
    await again.client.end();
  });

  it('leaves alone what a token or an identity provider opened, and other users', async () => {
    const other = await addUser(gateway);
    const { token } = await gateway.issueToken(user);
    const kept = await Promise.all([
      open('$token', token),
      open(user.name, token),
      open('$token', await provider.token({ email: `${user.name}@example.com` })),
      open(other.name, other.password),
    ]);
    const own = await open(user.name, user.password);
    await change(gateway, user);
    expect(await own.ended).toEqual(ENDED);
    for (const { client } of kept) {
      expect(await ping(client)).toBe(1);
      await client.end();
    }
  });

  it('ends them again at the next change, also when it is the same once more', async () => {
    for (const password of ['another password', 'another password', 'a third one']) {
      await change(gateway, user, password);
      const session = await open(user.name, password);
      await change(gateway, user, password);
      expect(await session.ended).toEqual(ENDED);
    }
  });
});

describe('a login under way', () => {
  it('by the old password comes to nothing', async () => {
    const gateway = await startGateway();
    onTestFinished(() => gateway.stop());
    const user = await addUser(gateway);
    const before = await openSession(gateway.clientConfig(user.name, user.password));
    const client = await WireClient.connect({ port: gateway.port, tls: true });
    onTestFinished(() => client.destroy());
    client.startup(user.name, gateway.engine.name);
    await client.scram(user.password, {
      // The challenge was made from the old verifier; the session that is ended shows that the change is known since.
      beforeProof: async () => {
        await change(gateway, user);
        await before.ended;
      },
    });
    const errors = (await client.rest()).filter(({ type }) => type === 'E');
    expect(errors.map(({ body }) => errorFields(body).sqlState)).toEqual(['57P01']);
  });
});

describe('every worker of another replica', () => {
  it('ends its sessions', async () => {
    const replica = await startGatewayProcess({ workers: '2' });
    onTestFinished(() => replica.stop());
    const user = await addUser(replica);
    const sessions = await Promise.all(
      [1, 2, 3, 4].map(() => openSession(replica.clientConfig(user.name, user.password))),
    );
    // By the test's own services, which stand for the other replica.
    await change(replica, user);
    for (const { ended } of sessions) expect(await ended).toEqual(ENDED);
  });
});
