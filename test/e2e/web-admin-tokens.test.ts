import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DAY_MS } from '../../src/core/duration.ts';
import {
  ACTOR,
  ageSessions,
  connected,
  listed,
  openAdminWorld,
  type AdminWorld,
} from '../support/admin-world.ts';
import { describeWith } from '../support/clients.ts';
import { withClient } from '../support/query.ts';

let made = 0;

describeWith('chromium', 'the report over everyone’s tokens', (chromium) => {
  let world: AdminWorld;
  beforeAll(async () => {
    world = await openAdminWorld(chromium);
  });
  afterAll(() => world.stop());

  const person = () => world.gateway.addUser(`owner${(made += 1)}`);
  const rows = (page: Page) => page.locator('tbody tr').count();

  it.each([
    ['with a script', true],
    ['without a script', false],
  ])('revokes several at once, and says what ends with them: %s', async (_how, javaScriptEnabled) => {
    const owner = await person();
    const [a, b, c] = [
      await world.gateway.issueToken(owner, { label: 'in use' }),
      await world.gateway.issueToken(owner, { label: 'idle' }),
      await world.gateway.issueToken(owner, { label: 'stays' }),
    ];
    const { ended } = await connected(world, '$token', a.token);
    await listed(world, owner.uid, 1);
    const { page, complaints, close } = await world.tabOf(world.mia, { javaScriptEnabled });
    await page.goto(`/admin/tokens?owner=${owner.name}`);
    expect(await rows(page)).toBe(3);
    for (const label of ['in use', 'idle']) await page.getByLabel(`Select ${label}`).check();
    await page.getByRole('button', { name: /^Revoke .*selected/ }).click();
    const question = javaScriptEnabled ? page.getByRole('dialog') : page.locator('main');
    await question.getByText('One live session that uses them closes at once').waitFor();
    await question.getByText(`of ${owner.name}`).first().waitFor();
    // Somebody else is quicker with one of them.
    await world.gateway.services.tokens.revoke(ACTOR, b.tid);
    await question.getByLabel('Reason').fill('a spring clean');
    await question.getByRole('button', { name: 'Revoke 2 tokens' }).click();
    await page.getByRole('status').getByText('One more was revoked already.').waitFor();
    expect((await ended).message).toContain('a spring clean');
    expect(new URL(page.url()).searchParams.get('owner')).toBe(owner.name);
    expect(await rows(page)).toBe(1);
    await page.getByRole('link', { name: /^Revoked/ }).click();
    await page.getByRole('row', { name: /in use.*a spring clean/ }).waitFor();
    const left = await world.gateway.services.tokens.list(ACTOR, { owner: owner.uid, states: ['live'] });
    expect(left.items.map(({ tid }) => tid)).toEqual([c.tid]);
    expect(complaints).toEqual([]);
    await close();
  });

  it('asks for the password again before it revokes several, and revokes none with a wrong one', async () => {
    const owner = await person();
    await world.gateway.issueToken(owner, { label: 'kept' });
    const { page, close } = await world.tabOf(world.root, { javaScriptEnabled: false });
    await ageSessions(world, world.root);
    await page.goto(`/admin/tokens?owner=${owner.name}`);
    await page.getByLabel('Select kept').check();
    await page.getByRole('button', { name: 'Revoke selected…' }).click();
    await page.getByLabel('Your password').fill('not it');
    await page.getByRole('button', { name: 'Revoke token' }).click();
    await page.getByRole('alert').getByText('The password is wrong.').waitFor();
    const states = async () =>
      (await world.gateway.services.tokens.list(ACTOR, { owner: owner.uid })).items.map((one) => one.state);
    expect(await states()).toEqual(['live']);
    await page.getByLabel('Your password').fill(world.root.password);
    await page.getByRole('button', { name: 'Revoke token' }).click();
    await page.getByRole('status').waitFor();
    expect(await states()).toEqual(['revoked']);
    await close();
  });

  it('pages without showing a token twice or none, whatever comes and goes meanwhile', async () => {
    const owner = await person();
    await manyTokens(world, owner.uid, 'many', 120);
    const { page, close } = await world.tabOf(world.mia, { javaScriptEnabled: false });
    await page.goto(`/admin/tokens?owner=${owner.name}&sort=label&dir=asc`);
    const seen: string[] = [];
    for (;;) {
      seen.push(...(await page.locator('tbody .name').allTextContents()));
      const next = page.getByRole('link', { name: 'Next page' });
      if ((await next.count()) === 0) break;
      await manyTokens(world, owner.uid, `before page ${seen.length}`, 1);
      await withClient(world.gateway.store.url, (client) =>
        client.query(`update patgate.tokens set revoked_at = now() where uid = $1 and label = $2`, [
          owner.uid,
          seen[0],
        ]),
      );
      await next.click();
    }
    expect(seen).toEqual(Array.from({ length: 120 }, (_, i) => `many ${String(i).padStart(6, '0')}`));
    await page.getByRole('link', { name: 'First page' }).click();
    await page.getByText('before page 50').waitFor();
    await close();
  });

  it('finds those that nobody needs, by what was asked before', async () => {
    const owner = await person();
    const issue = async (label: string, change: string) => {
      const { tid } = await world.gateway.issueToken(owner, { label });
      await withClient(world.gateway.store.url, (client) =>
        client.query(`update patgate.tokens set ${change} where tid = $1`, [tid]),
      );
    };
    await issue('forever', 'expires_at = null');
    await issue('forgotten', `created_at = now() - interval '91 days'`);
    await issue('fading', `expires_at = now() + interval '2 days', last_used_at = now() - interval '3 days'`);
    const { page, close } = await world.tabOf(world.mia, { javaScriptEnabled: false });
    await page.goto(`/admin/tokens?owner=${owner.name}`);
    const shown = async () => (await page.locator('tbody .name').allTextContents()).toSorted();
    for (const [tab, labels] of [
      [/^No expiry 1$/, ['forever']],
      [/^Unused 90 days 1$/, ['forgotten']],
      [/^Expiring in 7 days 1$/, ['fading']],
      [/^Inactive owners 0$/, []],
      [/^Active 3$/, ['fading', 'forever', 'forgotten']],
    ] as const) {
      await page.getByRole('link', { name: tab }).click();
      expect(await shown()).toEqual(labels);
    }
    const day = new Date(Date.now() - 3 * DAY_MS).toISOString().slice(0, 10);
    await page.getByLabel('Last used from').fill(day);
    await page.getByLabel('Last used until').fill(day);
    await page.getByRole('button', { name: 'Show' }).click();
    expect(await shown()).toEqual(['fading']);
    await page.getByLabel('Owner').fill('nobody at all');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByText('There is no user “nobody at all”.').waitFor();
    await world.gateway.services.accounts.disableUser(ACTOR, owner.uid);
    await page.goto(`/admin/tokens?quick=inactive_owners&owner=${owner.name}`);
    expect(await shown()).toEqual(['fading', 'forever', 'forgotten']);
    await close();
  });

  it('exports what is shown, safe to open in a spreadsheet', async () => {
    const owner = await person();
    await world.gateway.issueToken(owner, { label: '=HYPERLINK("https://evil.example","x")' });
    await world.gateway.issueToken(owner, { label: 'plain' });
    const { page, close } = await world.tabOf(world.mia);
    await page.goto(`/admin/tokens?owner=${owner.name}&q=HYPER`);
    const href = await page.getByRole('link', { name: 'Export CSV' }).getAttribute('href');
    const answer = await page.request.get(href ?? '');
    expect(answer.headers()['content-disposition']).toContain('tokens.csv');
    const lines = (await answer.text()).trimEnd().split('\r\n');
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain(`"'=HYPERLINK(""https://evil.example"",""x"")"`);
    await close();
  });

  it('makes a token that stands for a service principal, shown once to who made it', async () => {
    const { accounts, audit } = world.gateway.services;
    const service = await accounts.addUser(ACTOR, {
      name: 'nightly',
      kind: 'service',
      defaultDatabase: world.gateway.engine.name,
    });
    const { page, close } = await world.tabOf(world.mia, { javaScriptEnabled: false });
    await page.goto('/admin/tokens');
    await page.getByRole('link', { name: 'Create for someone' }).click();
    await page.getByLabel(/^For/).fill('nighty');
    await page.getByLabel('Label').fill('load');
    await page.getByRole('button', { name: 'Generate token' }).click();
    await page.getByRole('alert').getByText('There is no such user.').waitFor();
    await page.getByLabel(/^For/).fill('nightly');
    await page.getByRole('button', { name: 'Generate token' }).click();
    await page.getByRole('heading', { name: 'Your new token' }).waitFor();
    const token = await page.locator('#token').innerText();
    const { client } = await connected(world, 'nightly', token);
    await client.end();
    const [row] = await audit.list({ action: 'token.issue', actor: 'mia' });
    expect(row?.detail).toMatchObject({ owner: 'nightly' });
    expect((await world.gateway.services.tokens.list(ACTOR, { owner: service.uid })).items[0]).toMatchObject({
      creator: 'mia',
      kind: 'service',
    });
    await close();
  });
});

/** As issuing makes them, but for secrets that nobody knows. */
function manyTokens({ gateway }: AdminWorld, uid: string, label: string, count: number): Promise<unknown> {
  return withClient(gateway.store.url, (client) =>
    client.query(
      `insert into patgate.tokens (tid, uid, creator_name, label, prefix, digest, stored_key, server_key, created_at, expires_at, scopes)
       select gen_random_uuid(), $1, 'test', $3 || ' ' || lpad(i::text, 6, '0'), 'pat_xxxx', sha256(($3 || i)::bytea), '', '',
         now(), now() + interval '30 days', '{}' from generate_series(0, $2::int - 1) i`,
      [uid, count, label],
    ),
  );
}
