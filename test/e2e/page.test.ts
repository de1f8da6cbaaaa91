import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, openTab, type Tab } from '../support/browser.ts';
import { describeWith } from '../support/clients.ts';
import { startGateway, type TestGateway, type TestUser } from '../support/gateway.ts';

let made = 0;

describeWith('chromium', 'the web page, as a person uses it', (chromium) => {
  let gateway: TestGateway;
  let browser: Browser;

  beforeAll(async () => {
    [gateway, browser] = await Promise.all([startGateway(), openBrowser(chromium)]);
  });
  afterAll(async () => {
    await browser.close();
    await gateway.stop();
  });

  const person = (): Promise<TestUser> => gateway.addUser(`ada${(made += 1)}`);

  async function tabOf(user: TestUser, javaScriptEnabled: boolean): Promise<Tab> {
    const baseURL = gateway.info.http?.url ?? '';
    const tab = await openTab(browser, { baseURL, javaScriptEnabled });
    await tab.page.goto('/');
    await signIn(tab.page, user.name, user.password);
    return tab;
  }

  const loggedIn = async (user: string, secret: string): Promise<pg.Client> => {
    const client = new pg.Client({ ...gateway.clientConfig(user, secret), application_name: 'a report' });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };

  it.each([
    ['with a script', true],
    ['without a script', false],
  ])('makes a token, logs in with it, sees its session, and revokes it: %s', async (_how, script) => {
    const user = await person();
    const { page, complaints, close } = await tabOf(user, script);
    await page.getByText('You have no tokens yet').waitFor();
    const token = await generate(page, 'my report');
    const client = await loggedIn(user.name, token);
    const ended = new Promise<Error>((resolve) => client.once('error', resolve));
    await page.getByRole('link', { name: 'Done' }).click();
    await page.getByRole('rowheader', { name: /my report/ }).waitFor();
    await expectSoon(page, '1 live');
    await expectSoon(page, '127.0.0.1 · a report');
    await page.getByRole('link', { name: 'Revoke my report' }).click();
    const question = script ? page.getByRole('dialog') : page.locator('main');
    await question.getByText('One live session that uses it closes at once').waitFor();
    await question.getByLabel('Reason').fill('no longer needed');
    await question.getByRole('button', { name: 'Revoke token' }).click();
    await page.getByRole('status').getByText('The token is revoked').waitFor();
    expect((await ended).message).toContain('no longer needed');
    await expect(loggedIn(user.name, token)).rejects.toMatchObject({ code: '28P01' });
    await page.getByRole('link', { name: /^Revoked/ }).click();
    await page.getByRole('row', { name: /my report.*no longer needed/ }).waitFor();
    expect(complaints).toEqual([]);
    await close();
  });

  it('shows a secret once: not after a reload, not by going back, and in no address', async () => {
    const user = await person();
    const { page, close } = await tabOf(user, true);
    const token = await generate(page, 'seen once');
    expect(page.url()).not.toContain(token);
    expect(await page.evaluate('document.activeElement.tagName')).toBe('H1');
    await page.reload();
    await page.getByText('Its secret was shown then').waitFor();
    expect(await page.content()).not.toContain(token);
    await page.goto('/connect');
    await page.goBack();
    expect(await page.content()).not.toContain(token);
    await page.goto('/tokens');
    expect(await page.getByRole('rowheader').count()).toBe(1);
    await close();
  });

  it('copies with a word for the ear, and recipes that work as they are', async () => {
    const user = await person();
    const { page, close } = await tabOf(user, true);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const token = await generate(page, 'recipes');
    await page.getByRole('button', { name: 'Copy the token' }).click();
    await page.getByText('Copied: Copy the token').waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(token);
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'patgate-ca.crt' }).click();
    const ca = await (await download).path();
    expect(readFileSync(ca, 'utf8')).toBe(readFileSync(gateway.caFile, 'utf8'));
    const jdbc = (await page.locator('#recipe-jdbc').textContent()) ?? '';
    const url = new URL(jdbc.replace('jdbc:', ''));
    expect([url.port, url.searchParams.get('password')]).toEqual([String(gateway.port), token]);
    await close();
  });

  it('rotates a token: the old one works on and says so, the new one has its limits', async () => {
    const user = await person();
    const { tid, token } = await gateway.issueToken(user, {
      label: 'nightly',
      databases: [gateway.engine.name],
    });
    const { page, close } = await tabOf(user, true);
    await page.getByRole('link', { name: 'Rotate nightly' }).click();
    await page.getByRole('dialog').getByText('with the same label and limits').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Rotate token' }).click();
    const successor = (await page.locator('#token').textContent()) ?? '';
    expect(successor).not.toBe(token);
    for (const secret of [token, successor]) await (await loggedIn(user.name, secret)).end();
    await page.goto(`/tokens/${tid}`);
    await page.getByText(/Replaced, ends in 24 hours/).waitFor();
    await page.getByText('This token was rotated already').waitFor();
    await page.getByRole('link', { name: 'a newer token' }).click();
    await page.getByText(`database ${gateway.engine.name}`).waitFor();
    await close();
  });

  it.each([
    ['with a script', true],
    ['without a script', false],
  ])('revokes those selected, and all, each after saying which: %s', async (_how, script) => {
    const user = await person();
    for (const label of ['one', 'two', 'three', 'four']) await gateway.issueToken(user, { label });
    const { page, close } = await tabOf(user, script);
    const question = script ? page.getByRole('dialog') : page.locator('main');
    await page.getByLabel('Select one').check();
    await page.getByLabel('Select three').check();
    await page.getByRole('button', { name: script ? 'Revoke 2 selected…' : 'Revoke selected…' }).click();
    await question.getByRole('listitem').filter({ hasText: 'three' }).waitFor();
    await question.getByRole('button', { name: 'Revoke 2 tokens' }).click();
    await page.getByText('2 tokens are revoked').waitFor();
    await page.getByRole('link', { name: 'Revoke all…' }).click();
    await question.getByText('Revoke all your tokens?').waitFor();
    await question.getByRole('link', { name: 'Cancel' }).click();
    await page.getByRole('link', { name: 'Revoke all…' }).click();
    await question.getByRole('button', { name: 'Revoke 2 tokens' }).click();
    await page.getByText('2 tokens are revoked').waitFor();
    await page.getByText('No active tokens.').waitFor();
    await close();
  });

  it('fills in the form from its address, and shows what is wrong at the fields', async () => {
    const user = await person();
    const { page, close } = await tabOf(user, false);
    await page.goto('/tokens/new?label=from+a+link&lifetime=7&databases=sales&networks=nowhere');
    expect(await page.getByLabel('Label').inputValue()).toBe('from a link');
    await page.getByRole('button', { name: 'Generate token' }).click();
    await page
      .getByRole('alert')
      .getByRole('link', { name: /"nowhere" is no IP address/ })
      .click();
    expect(await page.getByLabel('Networks').getAttribute('aria-invalid')).toBe('true');
    expect(await page.getByLabel('Databases').inputValue()).toBe('sales');
    await page.getByLabel('Networks').fill('127.0.0.0/8 ::1');
    await page.getByRole('button', { name: 'Generate token' }).click();
    await page.getByText('Your new token').waitFor();
    await page.goto('/tokens');
    await page.getByText('in 7 days').waitFor();
    expect(await page.getByRole('row', { name: /from a link/ }).textContent()).toMatch(
      /database sales.*127\.0\.0\.0\/8/s,
    );
    await close();
  });

  it('lets who came with a token look, but make nothing, and says why', async () => {
    const user = await person();
    const { token } = await gateway.issueToken(user, { label: 'for looking', scopes: ['tokens'] });
    const { page, close } = await tabOf({ ...user, password: token }, true);
    await page.getByText('You signed in with a token: you can look').waitFor();
    const button = page.getByRole('button', { name: 'Generate token' });
    expect(await button.getAttribute('aria-disabled')).toBe('true');
    await page.getByText('Sign in with your password to make tokens').waitFor();
    await page.goto('/tokens/new');
    expect(await page.getByLabel('Label').count()).toBe(0);
    await close();
  });
});

async function signIn(page: Page, name: string, password: string): Promise<void> {
  await page.getByLabel('User name or e-mail').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'My tokens' }).waitFor();
}

/** @returns the secret that the page shows */
async function generate(page: Page, label: string): Promise<string> {
  await page.goto('/tokens/new');
  await page.getByLabel('Label').fill(label);
  await page.getByRole('button', { name: 'Generate token' }).click();
  await page.getByRole('heading', { name: 'Your new token' }).waitFor();
  return (await page.locator('#token').textContent()) ?? '';
}

/** What is written behind may take a moment to be there. */
async function expectSoon(page: Page, text: string): Promise<void> {
  await expect
    .poll(
      async () => {
        await page.reload();
        return page.getByText(text).count();
      },
      { timeout: 15_000 },
    )
    .toBeGreaterThan(0);
}
