import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ACTOR, connected, listed, openAdminWorld, type AdminWorld } from '../support/admin-world.ts';
import { describeWith } from '../support/clients.ts';

const WAYS = [
  ['with a script', true],
  ['without a script', false],
] as const;

describeWith('chromium', 'users, privileges and the policy, as administrators change them', (chromium) => {
  let world: AdminWorld;
  beforeAll(async () => {
    world = await openAdminWorld(chromium);
  });
  afterAll(() => world.stop());

  /** Presses what asks first, and answers it. */
  const confirm = async (page: Page, script: boolean, link: string | RegExp, button: string) => {
    await page.getByRole('link', { name: link }).click();
    const question = script ? page.getByRole('dialog') : page.locator('main');
    await question.getByRole('button', { name: button }).click();
    await page.getByRole('status').waitFor();
  };

  it.each(WAYS)('a user is added, changed, disabled, enabled and removed: %s', async (_how, script) => {
    const name = script ? 'vera' : 'viktor';
    const { page, complaints, close } = await world.tabOf(world.root, { javaScriptEnabled: script });
    await page.goto('/admin/users');
    await page.getByRole('link', { name: 'Add user' }).click();
    await page.getByLabel('Name', { exact: true }).fill('$wrong');
    await page.getByLabel(/^New password/).fill('long enough');
    await page.getByLabel(/^Default database/).fill(world.gateway.engine.name);
    await page.getByRole('button', { name: 'Add user' }).click();
    await page.getByRole('alert').getByText('cannot be a user name').waitFor();
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByLabel(/^New password/).fill('short');
    await page.getByRole('button', { name: 'Add user' }).click();
    await page.getByText('A password has 8 to 1024 characters.').first().waitFor();
    await page.getByLabel(/^New password/).fill('long enough');
    await page.getByRole('button', { name: 'Add user' }).click();
    await page.getByRole('status').getByText('The user is added.').waitFor();
    const { client } = await connected(world, name, 'long enough');
    await client.end();

    await page.getByLabel(/^Databases/).fill(`a b, c\n${world.gateway.engine.name}\n`);
    await page.getByLabel(/^E-mail/).fill(`${name}@example.com`);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('status').getByText('Saved.').waitFor();
    // Once more: what the form shows is what it was given.
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('status').getByText('Saved.').waitFor();
    const saved = await world.gateway.services.accounts.getUser(ACTOR, { name });
    expect(saved.databases).toEqual(['a b, c', world.gateway.engine.name]);

    await page.getByRole('link', { name: 'Set password…' }).click();
    const question = script ? page.getByRole('dialog') : page.locator('main');
    await question.getByLabel('New password').fill('another one');
    await question.getByRole('button', { name: 'Set password' }).click();
    await page.getByRole('status').waitFor();
    await expect(connected(world, name, 'long enough')).rejects.toMatchObject({ code: '28P01' });
    const { ended } = await connected(world, `${name}@example.com`, 'another one');
    const { uid } = await world.gateway.services.accounts.getUser(ACTOR, { name });
    await listed(world, uid, 1);

    await page.getByRole('link', { name: 'Disable…' }).click();
    await question
      .getByText('one live session will be closed')
      .or(question.getByText('1 live session will be closed'))
      .waitFor();
    await question.getByRole('button', { name: 'Disable user' }).click();
    await page.getByRole('status').getByText('The user is disabled.').waitFor();
    expect(await ended).toMatchObject({ code: '57P01' });
    await confirm(page, script, 'Enable…', 'Enable user');
    const { client: again } = await connected(world, name, 'another one');
    await again.end();
    await confirm(page, script, 'Remove…', 'Remove user');
    await page.getByText('Removed', { exact: true }).first().waitFor();
    await page.goto('/admin/users?view=removed');
    await page.getByRole('link', { name }).waitFor();
    expect(complaints).toEqual([]);
    await close();
  });

  it('the last administrator can not be lost', async () => {
    const { page, close } = await world.tabOf(world.root, { javaScriptEnabled: false });
    await page.goto(`/admin/users/${world.root.uid}/disable`);
    await page.getByRole('button', { name: 'Disable user' }).click();
    await page.getByRole('alert').getByText('"root" is the last administrator').waitFor();
    await page.goto('/admin/privileges');
    await page.getByRole('link', { name: 'Take away “Admin” from root' }).click();
    await page.getByRole('button', { name: 'Take away' }).click();
    await page.getByRole('alert').getByText('nobody with the privilege "admin"').waitFor();
    await close();
  });

  it.each(WAYS)(
    'groups carry privileges to their members, as long as they are members: %s',
    async (_how, script) => {
      const member = await world.gateway.addUser(script ? 'gina' : 'gustav');
      const group = script ? 'auditors' : 'a/b <i>&amp;';
      const privileges = async () =>
        (await world.gateway.services.accounts.getUser(ACTOR, { uid: member.uid })).privileges.at(-1);
      const { page, complaints, close } = await world.tabOf(world.root, { javaScriptEnabled: script });
      await page.goto('/admin/privileges');
      await page.getByLabel('Name of a new group').fill(group);
      await page.getByRole('button', { name: 'Add group' }).click();
      await page.getByRole('heading', { name: group }).waitFor();
      await page.getByLabel('Add a user, by name').fill('nobody');
      await page.getByRole('button', { name: 'Add member' }).click();
      await page.getByRole('alert').getByText('There is no such user.').waitFor();
      await page.getByLabel('Add a user, by name').fill(member.name);
      await page.getByRole('button', { name: 'Add member' }).click();
      await page.getByRole('status').waitFor();
      await page.goto('/admin/privileges');
      await page.getByLabel('Privilege').selectOption('manage_all');
      await page.getByLabel('To', { exact: true }).selectOption('group');
      await page.getByLabel('Name', { exact: true }).fill(group);
      await page.getByRole('button', { name: 'Give privilege' }).click();
      await page.getByRole('status').getByText('The privilege is given.').waitFor();
      expect(await privileges()).toBe('manage_all');
      await page.getByRole('link', { name: group, exact: true }).first().click();
      await confirm(page, script, `Take out ${member.name}`, 'Take out');
      expect(await privileges()).toBe('can_use');
      await confirm(page, script, 'Remove group…', 'Remove group');
      expect(await page.getByRole('link', { name: group, exact: true }).count()).toBe(0);
      expect(complaints).toEqual([]);
      await close();
    },
  );

  it('every rule of the policy can be changed, and the history says by whom', async () => {
    const { policy } = world.gateway.services;
    const { page, close } = await world.tabOf(world.root, { javaScriptEnabled: false });
    await page.goto('/admin/policy');
    await page.getByLabel('Maximum lifetime').fill('a while');
    await page.getByRole('button', { name: 'Save policy' }).click();
    await page.getByRole('alert').getByText('must be a duration').waitFor();
    for (const [label, text] of [
      ['Maximum lifetime', '90 days'],
      ['Default lifetime', '36 hours'],
      ['Overlap after a rotation', '2 hours'],
      ['Revoke after unused days', '45'],
      ['Live tokens for each user', '20'],
      ['Days of notice before expiry', '3'],
      ['Days to keep the audit', '700'],
      ['Allowed networks', '127.0.0.0/8\n2001:db8::/32'],
    ] as const) {
      await page.getByLabel(label).fill(text);
    }
    await page.getByLabel('Tokens may never expire').check();
    await page.getByLabel('Who may create and use tokens').selectOption('granted');
    await page.getByRole('button', { name: 'Save policy' }).click();
    await page.getByRole('status').getByText('Saved.').waitFor();
    expect((await policy.current()).policy).toEqual({
      tokensEnabled: true,
      maxLifetimeMs: 90 * 86_400_000,
      defaultLifetimeMs: 36 * 3_600_000,
      neverExpiringAllowed: true,
      revokeUnusedDays: 45,
      createAndUse: 'granted',
      maxLiveTokensPerUser: 20,
      rotationOverlapMs: 2 * 3_600_000,
      expiryNoticeDays: 3,
      auditRetentionDays: 700,
      networks: ['127.0.0.0/8', '2001:db8::/32'],
    });
    await page.getByRole('row', { name: /root.*Maximum lifetime: 180 days → 90 days/ }).waitFor();
    await policy.set(ACTOR, { createAndUse: 'everyone', neverExpiringAllowed: false, networks: null });
    await close();
  });

  it('two administrators at once: the second is told what the first did, before anything of it is lost', async () => {
    const { policy } = world.gateway.services;
    const other = await world.gateway.addUser('otto');
    await world.gateway.services.accounts.grant(ACTOR, 'admin', { kind: 'user', name: other.name });
    const [mine, theirs] = [
      await world.tabOf(world.root, { javaScriptEnabled: false }),
      await world.tabOf(other, { javaScriptEnabled: false }),
    ];
    for (const { page } of [mine, theirs]) await page.goto('/admin/policy');
    await theirs.page.getByLabel('Revoke after unused days').fill('11');
    await theirs.page.getByRole('button', { name: 'Save policy' }).click();
    await theirs.page.getByRole('status').waitFor();
    const { page } = mine;
    await page.getByLabel('Days of notice before expiry').fill('5');
    const answer = page.waitForResponse((response) => response.request().method() === 'POST');
    await page.getByRole('button', { name: 'Save policy' }).click();
    expect((await answer).status()).toBe(409);
    await page.getByText('otto set Revoke after unused days: 11 days').waitFor();
    expect((await policy.current()).policy).toMatchObject({ revokeUnusedDays: 11, expiryNoticeDays: 3 });
    // The form still holds what was meant; saved again, it is in place of the other's.
    expect(await page.getByLabel('Days of notice before expiry').inputValue()).toBe('5');
    await page.getByRole('button', { name: 'Save policy' }).click();
    await page.getByRole('status').getByText('Saved.').waitFor();
    expect((await policy.current()).policy).toMatchObject({ expiryNoticeDays: 5 });
    for (const { close } of [mine, theirs]) await close();
  });

  it.each(WAYS)(
    'tokens are switched off for everyone and on again, nothing lost: %s',
    async (_how, script) => {
      const owner = await world.gateway.addUser(script ? 'sven' : 'sonja');
      const { token } = await world.gateway.issueToken(owner);
      const [byToken, byPassword] = [
        await connected(world, '$token', token),
        await connected(world, owner.name, owner.password),
      ];
      await listed(world, owner.uid, 2);
      const { page, complaints, close } = await world.tabOf(world.root, { javaScriptEnabled: script });
      await page.goto('/admin/policy');
      await page.getByRole('link', { name: 'Switch off…' }).click();
      const question = script ? page.getByRole('dialog') : page.locator('main');
      await question.getByText('1 live session opened with a token will be closed').waitFor();
      await question.getByRole('button', { name: 'Switch tokens off' }).click();
      await page.getByRole('status').getByText('Tokens are switched off.').waitFor();
      expect(await byToken.ended).toMatchObject({ code: '57P01' });
      await expect(connected(world, '$token', token)).rejects.toThrow();
      await byPassword.client.query('select 1');
      await byPassword.client.end();
      await confirm(page, script, 'Switch on…', 'Switch tokens on');
      const { client } = await connected(world, '$token', token);
      await client.end();
      expect(complaints).toEqual([]);
      await close();
    },
  );
});
