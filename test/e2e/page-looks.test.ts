import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY_MS } from '../../src/core/duration.ts';
import { axeFindings, openBrowser, openTab, type Tab } from '../support/browser.ts';
import { describeWith } from '../support/clients.ts';
import { startGateway } from '../support/gateway.ts';
import { startWorld, type Person, type World } from '../unit/http/support/world.ts';

const HOSTILE = '<img src=x onerror=alert(1)>"\'&';

describeWith('chromium', 'the web page in a browser', (chromium) => {
  let world: World;
  let browser: Browser;
  let ada: Person;
  let tab: Tab;
  let page: Page;
  /** A token with everything that can be shown. */
  let tid: string;

  beforeAll(async () => {
    [world, browser] = await Promise.all([startWorld('looks'), openBrowser(chromium)]);
    ada = await world.person('ada');
    ({ tid } = await world.issue(ada, {
      label: `report ${HOSTILE}`,
      description: HOSTILE,
      databases: [HOSTILE.slice(0, 60)],
      networks: ['10.0.0.0/8', '::1'],
      maxSessions: 3,
      scopes: ['tokens'],
      lifetime: { ms: 3 * DAY_MS },
    }));
    const lost = await world.issue(ada, { label: 'lost laptop' });
    await world.revoke(lost.tid);
    await world.store.db
      .updateTable('tokens')
      .set({ last_used_at: new Date(), last_used_from: '2001:db8::17', last_used_application: HOSTILE })
      .where('tid', '=', tid)
      .execute();
    const { uid, name: user } = ada;
    await world.openSession({ sid: randomUUID(), uid, user, tid, label: HOSTILE, application: HOSTILE });
    tab = await openTab(browser, { baseURL: world.url });
    page = tab.page;
    await signIn(page, ada);
  });
  afterAll(async () => {
    await browser.close();
    await world.close();
  });

  describe('every screen', () => {
    const SCREENS: readonly (readonly [string, () => Promise<unknown>])[] = [
      [
        'sign in',
        async () =>
          page
            .context()
            .clearCookies()
            .then(() => page.goto('/sign-in')),
      ],
      [
        'sign in, refused',
        async () => {
          await page.goto('/sign-in');
          await page.getByLabel('User name').fill(HOSTILE);
          await page.getByLabel('Password').fill('wrong');
          await page.getByRole('button', { name: 'Sign in' }).click();
        },
      ],
      ['my tokens', () => signIn(page, ada)],
      ['my tokens, none found', () => page.goto(`/tokens?q=${encodeURIComponent(HOSTILE)}x`)],
      ['revoked', () => page.goto('/tokens?view=revoked')],
      ['expired', () => page.goto('/tokens?view=expired')],
      ['one token', () => page.goto(`/tokens/${tid}`)],
      [
        'generate',
        () => page.goto(`/tokens/new?label=${encodeURIComponent(HOSTILE)}&lifetime=custom&scopes=tokens`),
      ],
      ['generate, refused', () => page.getByRole('button', { name: 'Generate token' }).click()],
      [
        'reveal',
        async () => {
          await page.goto('/tokens/new?label=x');
          await page.getByRole('button', { name: 'Generate token' }).click();
        },
      ],
      ['revoke, as a page', () => page.goto(`/tokens/${tid}/revoke`)],
      ['revoke all', () => page.goto('/tokens/revoke-all')],
      ['rotate', () => page.goto(`/tokens/${tid}/rotate`)],
      [
        'revoke, as a dialog',
        async () => {
          await page.goto('/tokens');
          await page.getByRole('link', { name: /^Revoke report/ }).click();
          await page.getByRole('dialog').waitFor();
        },
      ],
      [
        'end sessions, as a dialog',
        async () => {
          await page.goto(`/tokens/${tid}`);
          await page.getByLabel(/^Select the session/).check();
          await page.getByRole('button', { name: 'End 1 selected…' }).click();
          await page.getByRole('dialog').waitFor();
        },
      ],
      ['connect', () => page.goto('/connect')],
      ['an error', () => page.goto('/nowhere')],
    ];

    it.each(SCREENS)('is fit for everyone, in light and dark, and fits a phone: %s', async (_name, open) => {
      await page.setViewportSize({ width: 1280, height: 800 });
      await open();
      await page.waitForLoadState();
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await axeFindings(page)).toEqual([]);
      }
      await page.setViewportSize({ width: 360, height: 740 });
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      expect(width).toBeLessThanOrEqual(360);
      expect(await page.locator('img[src=x]').count()).toBe(0);
      expect(tab.complaints).toEqual([]);
    });

    it('is found by axe when it is not: the check can fail', async () => {
      await page.goto('/tokens/new');
      await page.evaluate(`document.querySelectorAll('label').forEach((label) => label.remove())`);
      expect((await axeFindings(page)).join()).toContain('label');
    });
  });

  describe('another site', () => {
    let evil: Server;
    let evilUrl: string;
    beforeAll(async () => {
      evil = createServer((request, response) => {
        const form = `<form method="post" action="${world.url}/tokens/revoke-all"><button>win a prize</button></form>`;
        const frame = `<iframe src="${world.url}/sign-in" width="800" height="600"></iframe>`;
        response.writeHead(200, { 'content-type': 'text/html' }).end(request.url === '/form' ? form : frame);
      }).listen(0, '127.0.0.1');
      await once(evil, 'listening');
      // Another host name is another site, as cookies and browsers see it.
      evilUrl = `http://localhost:${(evil.address() as AddressInfo).port}`;
    });
    afterAll(async () => {
      evil.close();
      evil.closeAllConnections();
      await once(evil, 'close');
    });

    it('can not have a visitor’s browser send a form', async () => {
      const other = await openTab(browser, { baseURL: world.url });
      await signIn(other.page, ada);
      await other.page.goto(`${evilUrl}/form`);
      await other.page.getByRole('button', { name: 'win a prize' }).click();
      await other.page.getByRole('heading', { name: 'Sign in' }).waitFor();
      expect((await world.deps.tokens.list(SYSTEM, { owner: ada.uid, states: ['live'] })).items).not.toEqual(
        [],
      );
      await other.close();
    });

    it('can not put the page into a frame', async () => {
      const other = await openTab(browser);
      await other.page.goto(`${evilUrl}/frame`);
      await other.page.waitForLoadState();
      expect(await other.page.frameLocator('iframe').getByLabel('User name').count()).toBe(0);
      expect(other.complaints.join()).toContain('frame-ancestors');
      await other.close();
    });
  });
});

describeWith('chromium', 'the web page over TLS', (chromium) => {
  it('keeps its session in a cookie that is bound to this host', async () => {
    const gateway = await startGateway({ 'listen.http': '0.0.0.0:0' });
    const browser = await openBrowser(chromium);
    try {
      const user = await gateway.addUser('ada');
      const baseURL = (gateway.info.http?.url ?? '').replace('0.0.0.0', '127.0.0.1');
      expect(baseURL).toMatch(/^https:/);
      const { page, complaints } = await openTab(browser, { baseURL, ignoreHTTPSErrors: true });
      await signIn(page, user);
      const cookies = await page.context().cookies();
      expect(cookies).toMatchObject([
        { name: '__Host-patgate', path: '/', secure: true, httpOnly: true, sameSite: 'Strict' },
      ]);
      await page.getByRole('link', { name: 'Connect' }).click();
      await page.getByText('Download CA certificate').waitFor();
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
      await gateway.stop();
    }
  });
});

async function signIn(
  page: Page,
  { name, password }: { readonly name: string; readonly password: string },
): Promise<void> {
  await page.goto('/sign-in');
  await page.getByLabel('User name or e-mail').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'My tokens' }).waitFor();
}

const SYSTEM = {
  uid: null,
  name: 'test',
  privileges: new Set(['manage_all'] as const),
  via: 'system',
  tid: null,
  scopes: [],
  address: null,
  application: null,
} as const;
