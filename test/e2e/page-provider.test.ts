import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, openTab, type Tab } from '../support/browser.ts';
import { describeWith } from '../support/clients.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { ROOT } from '../support/services.ts';

/** A real provider that logs everyone in as whom the test says, without asking. */
class TestProvider {
  readonly issuer: string;
  readonly #server: Server;
  account = 'ada@example.com';
  verified = true;
  /** How often it was told to ask for the password. */
  asked = 0;

  private constructor(server: Server) {
    this.#server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<TestProvider> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TestProvider(server);
  }

  serve(redirectUri: string): void {
    const provider = new Provider(this.issuer, {
      clients: [
        { client_id: 'patgate', client_secret: 'a-secret-of-the-client', redirect_uris: [redirectUri] },
      ],
      claims: { openid: ['sub'], email: ['email', 'email_verified'] },
      cookies: { keys: ['a key of this test'] },
      features: { devInteractions: { enabled: false } },
      findAccount: (_ctx, sub) => ({
        accountId: sub,
        claims: () => ({ sub, email: sub, email_verified: this.verified }),
      }),
      interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
      async loadExistingGrant(ctx) {
        const { client, session } = ctx.oidc;
        if (client === undefined || session?.accountId === undefined) return undefined;
        const grant = new ctx.oidc.provider.Grant({
          clientId: client.clientId,
          accountId: session.accountId,
        });
        grant.addOIDCScope('openid email');
        await grant.save();
        return grant;
      },
    });
    const handle = provider.callback();
    this.#server.on('request', (request, response) => {
      if (request.url?.startsWith('/interaction/') !== true) {
        void handle(request, response);
        return;
      }
      this.asked += 1;
      void provider.interactionFinished(request, response, { login: { accountId: this.account } });
    });
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

describeWith('chromium', 'signing in at an identity provider', (chromium) => {
  let gateway: TestGateway;
  let browser: Browser;
  let provider: TestProvider;
  let baseURL: string;

  beforeAll(async () => {
    provider = await TestProvider.start();
    gateway = await startGateway({
      'oauth.issuer': provider.issuer,
      'oauth.audience': 'patgate',
      'oauth.client_id': 'patgate',
      'oauth.client_secret': 'a-secret-of-the-client',
    });
    baseURL = gateway.info.http?.url ?? '';
    provider.serve(`${baseURL}/sign-in/callback`);
    browser = await openBrowser(chromium);
    await gateway.addUser('ada', { email: 'ada@example.com' });
    await gateway.addUser('gone', { email: 'gone@example.com' });
    const gone = await gateway.services.accounts.findUser(ROOT, { name: 'gone' });
    await gateway.services.accounts.disableUser(ROOT, gone?.uid ?? '');
  });
  afterAll(async () => {
    await browser.close();
    await gateway.stop();
    await provider.close();
  });

  const tab = (): Promise<Tab> => openTab(browser, { baseURL });
  const link = (host: string) => ({ name: `Sign in with ${host}` });

  it('leads back to the page that was wanted, and counts as the password', async () => {
    const { page, complaints, close } = await tab();
    await page.goto('/tokens/new?label=wanted');
    await page.getByRole('link', link(new URL(provider.issuer).host)).click();
    await page.getByRole('heading', { name: 'Generate token' }).waitFor();
    expect(await page.getByLabel('Label').inputValue()).toBe('wanted');
    await page.getByRole('button', { name: 'Generate token' }).click();
    await page.getByRole('heading', { name: 'Your new token' }).waitFor();
    expect(complaints).toEqual([]);
    const [row] = await gateway.services.audit.list({ action: 'http.login', outcome: 'ok' });
    expect(row?.actor).toMatchObject({ name: 'ada', via: 'oauth' });
    await close();
  });

  it('lets nobody in who is unknown here or disabled, or whose address nobody has checked', async () => {
    for (const [account, verified, text] of [
      ['nobody@example.com', true, 'There is no user for you here'],
      ['gone@example.com', true, 'There is no user for you here'],
      ['ada@example.com', false, 'did not confirm who you are'],
    ] as const) {
      Object.assign(provider, { account, verified });
      const { page, close } = await tab();
      await page.goto('/sign-in/provider');
      await page.getByText(text).waitFor();
      expect((await page.context().cookies()).map(({ name }) => name)).not.toContain('patgate');
      await close();
    }
    Object.assign(provider, { account: 'ada@example.com', verified: true });
  });

  it('tells who comes from elsewhere that only the address is wrong', async () => {
    const ada = await gateway.services.accounts.getUser(ROOT, { name: 'ada' });
    await gateway.services.accounts.setUser(ROOT, ada.uid, { networks: ['192.0.2.0/24'] });
    const { page, close } = await tab();
    await page.goto('/sign-in/provider');
    await page.getByText('is in none of the networks that you may log in from').waitFor();
    expect((await page.context().cookies()).map(({ name }) => name)).not.toContain('patgate');
    await gateway.services.accounts.setUser(ROOT, ada.uid, { networks: null });
    await close();
  });

  it('takes no answer that this browser did not ask for, or that it brings a second time', async () => {
    const { page, close } = await tab();
    let answer = '';
    page.on('request', (request) => {
      if (request.url().includes('/callback?')) answer = request.url();
    });
    await page.goto('/sign-in/provider');
    await page.getByRole('heading', { name: 'My tokens' }).waitFor();
    for (const victim of [await tab(), { page, close }]) {
      await victim.page.goto(answer);
      await victim.page.getByText('did not confirm who you are').waitFor();
      await victim.close();
    }
  });

  it('still lets people in by password when the provider is away', async () => {
    const away = await startGateway({
      'oauth.issuer': 'http://127.0.0.1:1',
      'oauth.audience': 'patgate',
      'oauth.client_id': 'patgate',
    });
    try {
      const ada = await away.addUser('ada');
      const { page, close } = await openTab(browser, { baseURL: away.info.http?.url ?? '' });
      await page.goto('/sign-in/provider?next=/connect');
      await page.getByText('can not be reached at the moment').waitFor();
      await page.getByLabel('User name').fill(ada.name);
      await page.getByLabel('Password').fill(ada.password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Connect' }).waitFor();
      await close();
    } finally {
      await away.stop();
    }
  });

  it('asks the provider again where others give their password again', async () => {
    const { page, close } = await tab();
    await page.goto('/sign-in/provider');
    await page.getByRole('heading', { name: 'My tokens' }).waitFor();
    const { asked } = provider;
    await page.goto('/sign-in/provider?again=yes&next=/connect');
    await page.getByRole('heading', { name: 'Connect' }).waitFor();
    expect(provider.asked).toBe(asked + 1);
    await close();
  });
});
