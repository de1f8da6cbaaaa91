import pg from 'pg';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { systemActor, type Privilege } from '../../src/accounts/actor.ts';
import { expect } from 'vitest';
import { openBrowser, openTab, type Tab } from './browser.ts';
import { startGateway, type TestGateway, type TestUser } from './gateway.ts';
import { withClient } from './query.ts';

/** A gateway with somebody of each rank, and a browser to look at its page. */
export interface AdminWorld {
  readonly gateway: TestGateway;
  /** *admin*. */
  readonly root: TestUser;
  /** *manage all*, and no more. */
  readonly mia: TestUser;
  /** No more than everyone. */
  readonly ned: TestUser;
  /** A window in which the user is signed in with the password, or the secret given. */
  tabOf(user: TestUser, options?: BrowserContextOptions & { readonly secret?: string }): Promise<Tab>;
  stop(): Promise<void>;
}

export const ACTOR = systemActor('test');

/** @param chromium path of the browser */
export async function openAdminWorld(chromium: string): Promise<AdminWorld> {
  const [gateway, browser] = await Promise.all([startGateway(), openBrowser(chromium)]);
  const ranked = async (name: string, privilege: Privilege | null): Promise<TestUser> => {
    const user = await gateway.addUser(name);
    if (privilege !== null) {
      await gateway.services.accounts.grant(ACTOR, privilege, { kind: 'user', name });
    }
    return user;
  };
  return {
    gateway,
    root: await ranked('root', 'admin'),
    mia: await ranked('mia', 'manage_all'),
    ned: await ranked('ned', null),
    tabOf: (user, options = {}) => signedInTab(gateway, browser, user, options),
    async stop() {
      await browser.close();
      await gateway.stop();
    },
  };
}

async function signedInTab(
  gateway: TestGateway,
  browser: Browser,
  user: TestUser,
  { secret = user.password, ...options }: BrowserContextOptions & { readonly secret?: string },
): Promise<Tab> {
  const tab = await openTab(browser, { baseURL: gateway.info.http?.url ?? '', ...options });
  await signIn(tab.page, user.name, secret);
  return tab;
}

/** The user's windows are signed in for longer than what asks for the password again allows. */
export function ageSessions({ gateway }: AdminWorld, { uid }: TestUser): Promise<unknown> {
  return withClient(gateway.store.url, (client) =>
    client.query(
      `update patgate.http_sessions set created_at = created_at - interval '11 minutes' where uid = $1`,
      [uid],
    ),
  );
}

/** A client of the gateway, and the error with which it is cut off. */
export async function connected(
  { gateway }: AdminWorld,
  user: string,
  secret: string,
  application = 'a report',
): Promise<{ readonly client: pg.Client; readonly ended: Promise<Error> }> {
  const client = new pg.Client({ ...gateway.clientConfig(user, secret), application_name: application });
  const ended = new Promise<Error>((resolve) => client.once('error', resolve));
  client.on('error', () => undefined);
  await client.connect();
  return { client, ended };
}

/** Waits until the directory of all processes tells of so many sessions of the user. */
export async function listed({ gateway }: AdminWorld, uid: string, count: number): Promise<void> {
  await expect.poll(() => gateway.services.liveSessions.count({ uid }), { timeout: 10_000 }).toBe(count);
}

async function signIn(page: Page, name: string, secret: string): Promise<void> {
  await page.goto('/sign-in');
  await page.getByLabel('User name or e-mail').fill(name);
  await page.getByLabel('Password').fill(secret);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}
