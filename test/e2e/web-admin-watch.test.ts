import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ACTOR, connected, listed, openAdminWorld, type AdminWorld } from '../support/admin-world.ts';
import { axeFindings } from '../support/browser.ts';
import { describeWith } from '../support/clients.ts';
import { withClient } from '../support/query.ts';

const EVIL = '<img src=x onerror=alert(1)>"\'&';
const WAYS = [
  ['with a script', true],
  ['without a script', false],
] as const;

describeWith('chromium', 'sessions, audit and overview, and who may see what', (chromium) => {
  let world: AdminWorld;
  let group: string;
  beforeAll(async () => {
    world = await openAdminWorld(chromium);
    const { accounts } = world.gateway.services;
    await accounts.setUser(ACTOR, world.ned.uid, {
      displayName: EVIL,
      engineRole: EVIL,
      databases: [EVIL, world.gateway.engine.name],
    });
    group = (await accounts.addGroup(ACTOR, EVIL)).gid;
    await accounts.addMember(ACTOR, EVIL, 'ned');
    await accounts.grant(ACTOR, 'can_use', { kind: 'group', name: EVIL });
    await world.gateway.services.tokens.issue(ACTOR, {
      owner: world.ned.uid,
      label: EVIL,
      description: EVIL,
      role: EVIL,
      databases: [EVIL],
    });
  });
  afterAll(() => world.stop());

  const screens = (): readonly string[] => [
    '/admin',
    '/admin/tokens',
    `/admin/tokens?owner=${world.ned.uid}&q=%3Cimg`,
    '/admin/users',
    '/admin/users/new',
    `/admin/users/${world.ned.uid}`,
    `/admin/users/${world.ned.uid}/password`,
    `/admin/users/${world.ned.uid}/remove`,
    '/admin/privileges',
    `/admin/groups/${group}`,
    `/admin/groups/${group}/remove`,
    '/admin/policy',
    '/admin/policy/tokens-off',
    '/admin/sessions',
    '/admin/audit?target=ned',
  ];

  it.each(WAYS)('ends the sessions of others with a word to them: %s', async (_how, script) => {
    const user = await world.gateway.addUser(script ? 'sid' : 'sue');
    const [one, other] = [
      await connected(world, user.name, user.password, `kill ${EVIL}`),
      await connected(world, user.name, user.password, 'spared'),
    ];
    await listed(world, user.uid, 2);
    const { page, complaints, close } = await world.tabOf(world.mia, { javaScriptEnabled: script });
    await page.goto('/admin/sessions');
    await page.getByLabel('Search sessions').fill('kill <img');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('checkbox', { name: /^Select the session/ }).check();
    await page.getByRole('button', { name: /^End .*selected/ }).click();
    const question = script ? page.getByRole('dialog') : page.locator('main');
    await question.getByText(`${user.name}, kill ${EVIL} from 127.0.0.1`).waitFor();
    await question.getByLabel('Reason').fill('maintenance');
    await question.getByRole('button', { name: 'End session' }).click();
    await page.getByRole('status').waitFor();
    const error = await one.ended;
    expect(error).toMatchObject({ code: '57P01' });
    expect(error.message).toContain('maintenance');
    await other.client.query('select 1');
    await other.client.end();
    expect(complaints).toEqual([]);
    await close();
  });

  it('finds in the audit who did what to whom, also strangers, page by page and as CSV', async () => {
    const { audit } = world.gateway.services;
    const stranger = `=cmd ${EVIL}`;
    await expect(connected(world, stranger, 'guess')).rejects.toMatchObject({ code: '28P01' });
    await expect.poll(() => audit.list({ actor: stranger })).toHaveLength(1);
    const { page, close } = await world.tabOf(world.mia, { javaScriptEnabled: false });
    await page.goto('/admin/audit');
    await page.getByLabel('Actor').fill(stranger);
    await page.getByLabel('Action').selectOption('login');
    await page.getByLabel('Outcome').selectOption('refused');
    await page.getByLabel('From').fill(new Date().toISOString().slice(0, 10));
    await page.getByRole('button', { name: 'Show' }).click();
    expect(await page.locator('tbody tr').count()).toBe(1);
    await page.getByRole('row', { name: /login.unknown_user/ }).waitFor();
    const href = await page.getByRole('link', { name: 'Export CSV' }).getAttribute('href');
    const csv = (await (await page.request.get(href ?? '')).text()).trimEnd().split('\r\n');
    expect(csv).toHaveLength(2);
    expect(csv[1]).toContain(`"'${stranger.replaceAll('"', '""')}"`);
    await page.getByRole('link', { name: 'Clear' }).click();
    await page.getByLabel('Target').fill('ned');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByRole('rowheader', { name: 'user.set' }).waitFor();
    for (let i = 0; i < 150; i += 1) audit.note({ ...LOGIN, actor: { ...LOGIN.actor, name: `page${i}` } });
    await audit.flush();
    await page.goto('/admin/audit?action=http.bearer');
    const seen = await page.locator('tbody .name').allTextContents();
    await page.getByRole('link', { name: 'Next page' }).click();
    seen.push(...(await page.locator('tbody .name').allTextContents()));
    expect(seen).toEqual(Array.from({ length: 150 }, (_, i) => `page${149 - i}`));
    await close();
  });

  it('proves that the audit is whole, and says where it is not', async () => {
    const { page, close } = await world.tabOf(world.mia);
    await page.goto('/admin/audit');
    await page.getByRole('button', { name: 'Verify chain' }).click();
    await page.getByRole('dialog').getByText('The audit is whole').waitFor();
    const change = (reason: string) =>
      withClient(world.gateway.store.url, (client) =>
        client.query(`update patgate.audit set action = $1 where seq = 2`, [reason]),
      );
    const [before] = (await world.gateway.services.audit.list({ beforeSeq: 3, limit: 1 })).map(
      (row) => row.action,
    );
    await change('forged');
    await page.reload();
    await page.getByRole('button', { name: 'Verify chain' }).click();
    await page.getByRole('dialog').getByText('At row 2: a row was changed or put in.').waitFor();
    await change(before ?? '');
    await close();
  });

  it('draws how many log in, by method and outcome, with the numbers in a table', async () => {
    const user = await world.gateway.addUser('chart');
    const { client } = await connected(world, user.name, user.password);
    await client.end();
    await expect(connected(world, user.name, 'wrong')).rejects.toThrow();
    await expect
      .poll(() => world.gateway.services.audit.list({ actor: 'chart', outcome: 'refused' }))
      .toHaveLength(1);
    const { page, close } = await world.tabOf(world.mia);
    await page.goto('/admin');
    await page.getByRole('img', { name: /^Logins per hour/ }).waitFor();
    await page.getByText('As a table').click();
    const heads = await page.getByRole('columnheader').allTextContents();
    expect(heads).toEqual(expect.arrayContaining(['scram-sha-256', 'refused']));
    const table = page.locator('details table');
    const total = async (name: string) => {
      const cells = await table.locator(`td[data-label="${name}"]`).allTextContents();
      return cells.reduce((sum, text) => sum + Number(text), 0);
    };
    expect(await total('scram-sha-256')).toBeGreaterThan(0);
    expect(await total('refused')).toBeGreaterThan(0);
    await close();
  });

  it('shows those with “manage all” everything, lets them change what is theirs to, and says whom to ask for the rest', async () => {
    const { page, complaints, close } = await world.tabOf(world.mia, { javaScriptEnabled: false });
    for (const path of screens()) expect([path, (await page.goto(path))?.status()]).toEqual([path, 200]);
    for (const [path, button] of [
      ['/admin/users', 'Add user'],
      [`/admin/users/${world.ned.uid}`, 'Remove…'],
      [`/admin/groups/${group}`, 'Remove group…'],
      ['/admin/policy', 'Switch off…'],
    ] as const) {
      await page.goto(path);
      const grey = page.getByRole('button', { name: button });
      expect(await grey.getAttribute('aria-disabled')).toBe('true');
      const why = await grey.getAttribute('aria-describedby');
      expect(await page.locator(`#${why}`).innerText()).toBe(
        'Only administrators (privilege “admin”) can change this. Ask root.',
      );
    }
    const refused = await post(page, '/admin/policy/tokens-off', {});
    expect(refused.status()).toBe(403);
    expect((await world.gateway.services.policy.current()).version).toBe(0);
    expect((await post(page, `/admin/users/${world.ned.uid}/disable`, {})).status()).toBe(403);
    expect((await post(page, `/admin/users/${world.ned.uid}`, { displayName: 'x' })).status()).toBe(403);
    expect((await post(page, '/admin/groups', { groupName: 'x' })).status()).toBe(403);
    expect(
      (await post(page, '/admin/privileges', { privilege: 'admin', kind: 'user', name: 'mia' })).status(),
    ).toBe(403);
    expect(complaints).toEqual([]);
    await close();
  });

  it('shows others a page that says so, with the status 403; nobody anything who has not signed in', async () => {
    const { page, close } = await world.tabOf(world.ned);
    for (const path of [...screens(), '/admin/tokens.csv', '/admin/audit.csv', '/admin/nothing']) {
      const answer = await page.goto(path);
      expect([path, answer?.status()]).toEqual([path, 403]);
      await page.getByText('Ask an administrator for it.').waitFor();
      await page.getByRole('link', { name: 'My tokens', exact: true }).waitFor();
    }
    expect(await page.getByText('Administration', { exact: true }).count()).toBe(0);
    for (const path of ['/admin/audit/verify', '/admin/policy', '/admin/users']) {
      expect([path, (await post(page, path, {})).status()]).toEqual([path, 403]);
    }
    await page.context().clearCookies();
    for (const path of screens()) {
      await page.goto(path);
      expect(new URL(page.url()).pathname).toBe('/sign-in');
    }
    await close();
  });

  it('lets an administrator who came with a token look, but not change', async () => {
    const { token } = await world.gateway.issueToken(world.root, { label: 'look' });
    const { page, close } = await world.tabOf(world.root, { secret: token, javaScriptEnabled: false });
    for (const path of screens()) {
      expect([path, (await page.goto(path))?.status()]).toEqual([path, 200]);
      const actions = await page.evaluate<string[]>(
        `[...document.querySelectorAll('main form[method=post]')].map((form) => form.getAttribute('action'))`,
      );
      expect([path, actions.filter((action) => action !== '/admin/audit/verify')]).toEqual([path, []]);
    }
    await page.goto('/admin/tokens');
    await page.getByText('which may look but change nothing here').first().waitFor();
    const { version } = await world.gateway.services.policy.current();
    for (const [path, fields] of [
      ['/admin/policy', { version: String(version) }],
      ['/admin/policy/tokens-off', {}],
      [`/admin/users/${world.ned.uid}/remove`, {}],
      ['/admin/users', { name: 'made' }],
      ['/admin/groups', { groupName: 'made' }],
    ] as const) {
      expect([path, (await post(page, path, fields)).status()]).toEqual([path, 403]);
    }
    await close();
  });

  it('answers addresses and forms that make no sense with what is wrong, or as if it were not there', async () => {
    const { page, close } = await world.tabOf(world.root);
    const cursor = (text: string) => Buffer.from(text).toString('base64url');
    const byLabel = cursor(
      JSON.stringify({ sort: 'label', direction: 'asc', key: '\0', tid: world.ned.uid }),
    );
    for (const [path, status] of [
      ['/admin/tokens?sort=x&dir=y&size=7&view=z&quick=q&createdFrom=2026-02-31&owner=%00', 200],
      [`/admin/tokens?sort=label&dir=asc&cursor=${byLabel}`, 400],
      ['/admin/tokens?cursor=x', 400],
      ['/admin/tokens?createdFrom=0000-01-01&expiresTo=9999-12-31&q=%00%25', 200],
      ['/admin/tokens.csv?owner=nobody', 404],
      ['/admin/users?q=%00&view=x', 200],
      [`/admin/users?cursor=${cursor('-'.repeat(36))}`, 400],
      [`/admin/users?cursor=${cursor(`${world.ned.uid}\0`)}`, 200],
      ['/admin/users/%00', 404],
      ['/admin/users/x/disable', 404],
      ['/admin/groups/x', 404],
      ['/admin/privileges/take?privilege=x', 400],
      ['/admin/sessions?uid=x&before=999999999999999.x&q=%00%5C', 200],
      [`/admin/sessions?before=999999999999999.${world.ned.uid}`, 200],
      ['/admin/audit?action=x&outcome=y&from=z&before=999999999999999&actor=%00', 200],
      ['/admin/nothing', 404],
    ] as const) {
      expect([path, (await page.request.get(path)).status()]).toEqual([path, status]);
    }
    await page.goto('/admin/policy');
    for (const fields of [{}, { version: 'x' }, { version: '0', maxLifetimeMs: '9e99 days' }]) {
      expect((await post(page, '/admin/policy', fields)).status()).toBe(400);
    }
    await close();
  });

  it('believes no form that is not from a page of this session', async () => {
    const { page, close } = await world.tabOf(world.root);
    const paths = [
      '/admin/users',
      `/admin/users/${world.ned.uid}`,
      ...['disable', 'enable', 'remove', 'password'].map((what) => `/admin/users/${world.ned.uid}/${what}`),
      '/admin/privileges',
      '/admin/privileges/take',
      '/admin/groups',
      `/admin/groups/${group}`,
      `/admin/groups/${group}/remove`,
      `/admin/groups/${group}/take-out`,
      '/admin/policy',
      '/admin/policy/tokens-off',
      '/admin/policy/tokens-on',
      '/admin/audit/verify',
      '/sessions/end',
    ];
    const form = { privilege: 'admin', kind: 'user', name: 'ned', confirmed: 'yes' };
    for (const path of paths) {
      const without = await page.request.post(path, { form, headers: { 'sec-fetch-site': 'same-origin' } });
      expect([path, without.status()]).toEqual([path, 403]);
      const foreign = await post(page, path, form, 'cross-site');
      expect([path, foreign.status()]).toEqual([path, 403]);
    }
    await close();
  });

  it('shows what others wrote as text, and nothing that axe objects to, in light and dark', async () => {
    const { client } = await connected(world, world.ned.name, world.ned.password, EVIL);
    await listed(world, world.ned.uid, 1);
    const { page, complaints, close } = await world.tabOf(world.root);
    page.on('dialog', (dialog) => {
      throw new Error(`a script ran: ${dialog.message()}`);
    });
    const findings: string[] = [];
    for (const path of screens()) {
      await page.goto(path);
      await page.evaluate(`for (const one of document.querySelectorAll('details')) one.open = true`);
      expect(await page.locator('img[src=x]').count()).toBe(0);
      await page.emulateMedia({ colorScheme: 'light' });
      findings.push(...(await axeFindings(page)).map((text) => `${path} ${text}`));
      await page.emulateMedia({ colorScheme: 'dark' });
      findings.push(...(await axeFindings(page, ['color-contrast'])).map((text) => `${path} dark ${text}`));
      await page.setViewportSize({ width: 390, height: 800 });
      expect([path, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([path, 390]);
      await page.setViewportSize({ width: 1280, height: 720 });
    }
    expect(findings).toEqual([]);
    expect(complaints).toEqual([]);
    await client.end();
    await close();
  }, 90_000);
});

const LOGIN = {
  action: 'http.bearer',
  outcome: 'ok',
  actor: { uid: null, name: '', via: 'token', tid: null },
} as const;

/** As a form of the page that is open sends it. */
async function post(page: Page, path: string, form: Record<string, string>, site = 'same-origin') {
  const key = await page.locator('input[name=key]').first().inputValue();
  return page.request.post(path, {
    form: { key, ...form },
    headers: { 'sec-fetch-site': site },
    maxRedirects: 0,
  });
}
