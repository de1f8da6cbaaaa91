import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY_MS } from '../../../src/core/duration.ts';
import { insertManyTokens } from '../../support/rows.ts';
import { MovedClock } from '../../support/services.ts';
import { PersonBrowser, type PageAnswer } from './support/person-browser.ts';
import { startWorld, type Person, type World } from './support/world.ts';

let world: World;
const clock = new MovedClock();

beforeAll(async () => {
  world = await startWorld('page', clock);
});
afterAll(() => world.close());

/** Labels of the rows of the page's table, in their order. */
const labels = ({ text }: PageAnswer): string[] =>
  [...text.matchAll(/<a class="name" href="[^"]*">([^<]*)<\/a>/g)].map(([, label = '']) => label);
const tokenOn = ({ text }: PageAnswer): string | null =>
  /<pre id="token"[^>]*>([^<]*)</.exec(text)?.[1] ?? null;

async function signedIn(name = 'ada', privilege?: 'manage_all' | 'admin'): Promise<[PersonBrowser, Person]> {
  const person = await world.person(name, privilege);
  return [await PersonBrowser.signedIn(world, person), person];
}

describe('the form for a new token', () => {
  it('gives the token as asked for, and the same answer a second time without it', async () => {
    const [browser, { uid }] = await signedIn();
    const fields = {
      label: ' report ',
      lifetime: '7',
      databases: 'sales, hr',
      networks: '10.1.0.0/16\n::1',
      maxSessions: '3',
      scopes: ['tokens'],
      key: await browser.key(),
      once: 'a-form-that-was-opened',
    };
    const made = await browser.post('/tokens', fields);
    expect([made.status, made.headers.get('cache-control')]).toEqual([200, 'no-store']);
    const { items } = await world.deps.tokens.list({ ...SYSTEM, uid }, { owner: uid });
    expect(items).toMatchObject([
      {
        label: 'report',
        databases: ['sales', 'hr'],
        networks: ['10.1.0.0/16', '::1/128'],
        maxSessions: 3,
        scopes: ['tokens'],
      },
    ]);
    const [token] = items;
    expect(token?.expiresAt?.getTime()).toBe((token?.createdAt.getTime() ?? 0) + 7 * DAY_MS);
    expect(tokenOn(made)).toMatch(/^pat_\w{49}$/);
    const again = await browser.post('/tokens', fields);
    expect(again.location).toBe(`/tokens/${token?.tid}?done=repeated`);
    expect((await browser.get(again.location ?? '')).text).toContain('can not be shown again');
    expect(labels(await browser.get('/tokens'))).toEqual(['report']);
    expect(world.logged()).not.toContain(tokenOn(made));
  });

  it.each([
    ['an empty label', { label: ' ' }, 'label', 'A label has 1 to 250 characters'],
    ['a long lifetime', { lifetime: '181' }, 'lifetime', '180 days at most'],
    ['one without end', { lifetime: 'never' }, 'lifetime', 'never expire are not allowed'],
    ['no day', { lifetime: 'custom', until: '' }, 'until', 'Choose the last day'],
    ['a day that is none', { lifetime: 'custom', until: '2027-02-30' }, 'until', 'Choose the last day'],
    ['a day that has passed', { lifetime: 'custom', until: '2020-01-01' }, 'until', 'has passed already'],
    ['a network that is none', { networks: '10.0.0.0/99' }, 'networks', 'is no IP address'],
    ['too many sessions', { maxSessions: '100001' }, 'maxSessions', 'a whole number from 1 to 100000'],
    ['half a session', { maxSessions: '0.5' }, 'maxSessions', 'must be a whole number'],
    ['the role of somebody else', { role: 'postgres' }, 'role', 'an administrator may name another'],
  ])('says of %s at the field what is wrong, and keeps the rest', async (_what, fields, field, text) => {
    const [browser] = await signedIn();
    const answer = await browser.submit('/tokens/new', '/tokens', {
      label: 'kept',
      description: 'kept too',
      ...fields,
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.text).toMatch(new RegExp(`<a href="#f-${field}">[^<]*${text}`));
    expect(answer.text).toMatch(new RegExp(`id="f-${field}-error"[^<]*${text}`));
    expect(answer.text).toContain('kept too');
    expect(labels(await browser.get('/tokens'))).toEqual([]);
  });

  it('reads a day as its end, and the last day that is allowed as far as it is allowed', async () => {
    const [browser, { uid }] = await signedIn();
    const day = (ms: number) => new Date(clock.now().getTime() + ms).toISOString().slice(0, 10);
    for (const until of [day(3 * DAY_MS), day(180 * DAY_MS)]) {
      await browser.submit('/tokens/new', '/tokens', { label: until, lifetime: 'custom', until });
    }
    const { items } = await world.deps.tokens.list(
      { ...SYSTEM, uid },
      { owner: uid, sort: 'label', direction: 'asc' },
    );
    const [near, far] = items.map(({ expiresAt }) => expiresAt?.toISOString() ?? '');
    expect(near?.slice(0, 19)).toBe(`${day(3 * DAY_MS)}T23:59:59`);
    expect(far?.slice(0, 10)).toBe(day(180 * DAY_MS));
    const late = await browser.submit('/tokens/new', '/tokens', {
      label: 'x',
      lifetime: 'custom',
      until: day(181 * DAY_MS),
    });
    expect(late.text).toContain('180 days at most');
  });

  it('offers what policy allows, and says where the end of it is', async () => {
    const [browser] = await signedIn();
    await world.withPolicy(
      { maxLifetimeMs: 45 * DAY_MS, defaultLifetimeMs: 20 * DAY_MS, neverExpiringAllowed: true },
      async () => {
        const { text } = await browser.get('/tokens/new');
        const offered = [...text.matchAll(/<option value="(\w+)"( selected)?/g)].map(
          ([, value = '', on = '']) => value + on,
        );
        expect(offered).toEqual(['7', '20 selected', '30', '45', 'custom', 'never']);
        expect(text).toContain('At most 45 days, until');
      },
    );
  });

  it('takes from its address what it should be filled with, but no password and no key', async () => {
    const [browser] = await signedIn();
    const query =
      'label=from%20a%20link&lifetime=60&databases=a,b&role=r&networks=::1&once=theirs&key=theirs&scopes=tokens';
    const { text } = await browser.get(`/tokens/new?${query}`);
    for (const value of ['from a link', 'a,b', '::1']) expect(text).toContain(`value="${value}"`);
    expect(text).toMatch(/<option value="60" selected/);
    expect(text).not.toContain('theirs');
  });

  it('makes one for a service principal when the visitor manages all, and for nobody else', async () => {
    const robot = await world.service('robot');
    const [browser] = await signedIn('boss', 'manage_all');
    const made = await browser.submit('/tokens/new', '/tokens', { label: 'nightly', owner: robot.name });
    expect(made.text).toContain(`postgresql://${robot.name}@`);
    const unknown = await browser.submit('/tokens/new', '/tokens', { label: 'x', owner: 'nobody' });
    expect(unknown.text).toContain('There is no such user');
    const [other] = await signedIn();
    const forged = await other.submit('/tokens/new', '/tokens', { label: 'x', owner: robot.name });
    expect(forged.text).toContain('There is no such user');
  });
});

describe('the password', () => {
  const LATER_MS = 11 * 60_000;

  it('is asked for again after ten minutes before a token is made, and a right one counts for ten more', async () => {
    const [browser, { password }] = await signedIn();
    clock.move(LATER_MS);
    const old = browser.cookie;
    expect((await browser.get('/tokens/new')).text).toContain('id="f-password"');
    const missing = await browser.submit('/tokens/new', '/tokens', { label: 'x' });
    expect(missing.text).toContain('Enter your password to go on.');
    const wrong = await browser.submit('/tokens/new', '/tokens', { label: 'x', password: 'guess' });
    expect(wrong.text).toContain('The password is wrong.');
    expect(browser.cookie).toBe(old);
    const made = await browser.submit('/tokens/new', '/tokens', { label: 'made', password });
    expect(tokenOn(made)).not.toBeNull();
    expect(browser.cookie).not.toBe(old);
    expect((await browser.get('/tokens/new')).text).not.toContain('id="f-password"');
    const thief = new PersonBrowser(world.url);
    thief.cookie = old;
    expect((await thief.get('/tokens')).status).toBe(303);
  });

  it('must be the password: a token in its place makes nothing', async () => {
    const [browser, person] = await signedIn();
    const { token } = await world.issue(person, { label: 'stolen', scopes: ['tokens'] });
    clock.move(LATER_MS);
    const answer = await browser.submit('/tokens/new', '/tokens', { label: 'x', password: token });
    expect(answer.text).toContain('Enter your password, not a token.');
    expect(labels(await browser.get('/tokens'))).toEqual(['stolen']);
  });

  it('is asked for before several tokens are revoked, and before one is rotated', async () => {
    const [browser, person] = await signedIn();
    const { tid } = await world.issue(person, { label: 'one' });
    clock.move(LATER_MS);
    for (const [path, fields] of [
      ['/tokens/revoke-all', {}],
      ['/tokens/revoke', { tid: [tid], confirmed: 'yes' }],
      [`/tokens/${tid}/rotate`, { overlap: '0' }],
    ] as const) {
      const answer = await browser.post(path, { key: await browser.key(), ...fields });
      expect(answer.text).toContain('Enter your password to go on.');
    }
    expect(labels(await browser.get('/tokens'))).toEqual(['one']);
  });

  it('makes nothing for who came with a token, whatever its rights', async () => {
    const person = await world.person('ada', 'admin');
    const { tid, token } = await world.issue(person, { label: 'all rights', scopes: ['tokens', 'accounts'] });
    const browser = await PersonBrowser.signedIn(world, { name: person.name, password: token });
    const key = await browser.key();
    for (const [path, fields] of [
      ['/tokens', { label: 'x' }],
      [`/tokens/${tid}/rotate`, { overlap: '0' }],
      ['/tokens/revoke', { tid: [tid], confirmed: 'yes' }],
      ['/tokens/revoke-all', {}],
    ] as const) {
      const answer = await browser.post(path, { key, password: person.password, ...fields });
      expect([path, answer.status]).toEqual([path, 403]);
    }
    expect(labels(await browser.get('/tokens'))).toEqual(['all rights']);
  });
});

describe('the list', () => {
  it('shows a thousand tokens by pages, in the order asked for, and finds one', async () => {
    const [browser, { uid }] = await signedIn();
    await insertManyTokens(world.store, 1, 1000);
    await world.store.db.updateTable('tokens').set({ uid }).where('prefix', '=', 'pat_bulk').execute();
    const newest = { label: 'the newest of them', created_at: new Date(Date.now() + DAY_MS) };
    const one = world.store.db.selectFrom('tokens').select('tid').where('label', '=', 'label 1');
    await world.store.db.updateTable('tokens').set(newest).where('tid', 'in', one).execute();
    const first = await browser.get('/tokens');
    expect(labels(first)).toHaveLength(50);
    expect(labels(first)[0]).toBe('the newest of them');
    expect(first.text).toMatch(/1–50 of 3\d\d tokens/);
    const second = await browser.get('/tokens?page=2');
    expect(labels(second).filter((label) => labels(first).includes(label))).toEqual([]);
    expect(second.text).toContain('rel="prev"');
    const sorted = labels(await browser.get('/tokens?sort=label&dir=asc&size=200'));
    expect(sorted).toHaveLength(200);
    expect(sorted).toEqual([...sorted].sort());
    expect(labels(await browser.get('/tokens?q=NEWEST'))).toEqual(['the newest of them']);
    expect((await browser.get('/tokens?q=nowhere')).text).toContain('Nothing here matches “nowhere”.');
    const lines = (await browser.get('/tokens.csv?view=revoked')).text.trim().split('\r\n');
    expect(lines).toHaveLength(334);
    expect(lines.slice(1).every((line) => line.includes(',revoked,'))).toBe(true);
  });

  it.each([
    'page=0',
    'page=-1',
    'page=x',
    'page=99999999',
    'sort=; drop',
    'dir=up',
    'view=all',
    'size=7',
    'q=%00',
  ])('reads %s as if it were not there', async (query) => {
    const [browser, person] = await signedIn();
    await world.issue(person, { label: 'one' });
    expect(labels(await browser.get(`/tokens?${query}`))).toEqual(['one']);
  });

  it('shows nobody else’s tokens, also not one by one', async () => {
    const [browser] = await signedIn();
    const { tid } = await world.issue(await world.person('eve'), { label: 'hers' });
    for (const path of [`/tokens/${tid}`, `/tokens/${tid}/revoke`, `/tokens/${tid}/rotate`]) {
      const answer = await browser.get(path);
      expect([answer.status, answer.text.includes('hers')]).toEqual([404, false]);
    }
    const key = await browser.key();
    for (const [path, fields] of [
      [`/tokens/${tid}/revoke`, {}],
      ['/tokens/revoke', { tid: [tid], confirmed: 'yes' }],
      [`/tokens/${tid}`, { label: 'mine' }],
      [`/tokens/${tid}/rotate`, { overlap: '0' }],
    ] as const) {
      expect((await browser.post(path, { key, ...fields })).status).toBe(404);
    }
  });

  it('shows a manager only the own ones, in list and file; anyone’s by its address', async () => {
    const [browser, boss] = await signedIn('boss', 'manage_all');
    const { tid } = await world.issue(await world.person('eve'), { label: 'hers' });
    await world.issue(boss, { label: 'own' });
    expect(labels(await browser.get('/tokens'))).toEqual(['own']);
    expect((await browser.get('/tokens.csv')).text).not.toContain('hers');
    expect((await browser.get(`/tokens/${tid}`)).text).toContain('hers');
  });
});

describe('what can not be done', () => {
  it.each([
    [
      'tokens are switched off',
      { tokensEnabled: false },
      'Tokens are switched off by policy. Ask an administrator.',
    ],
    [
      'the privilege is missing',
      { createAndUse: 'granted' as const },
      'You do not have the privilege “can use”.',
    ],
  ])('says why, beside the grey button, when %s', async (_why, policy, text) => {
    const [browser] = await signedIn();
    await world.withPolicy(policy, async () => {
      const list = await browser.get('/tokens');
      expect(list.text).toContain(text);
      expect(list.text).toMatch(/<button[^>]*aria-disabled="true"[^>]*aria-describedby="why-generate-token"/);
      expect((await browser.get('/tokens/new')).text).toContain(text);
      const forged = await browser.post('/tokens', { key: await browser.key(), label: 'x' });
      expect(forged.status).toBe(403);
    });
  });

  it('says why a token can not be rotated or revoked', async () => {
    const [browser, person] = await signedIn();
    const { tid } = await world.issue(person, { label: 'over' });
    await world.revoke(tid);
    const { text } = await browser.get(`/tokens/${tid}`);
    expect(text).toContain('This token is revoked. Generate a new one.');
    expect(text).toContain('This token is revoked already.');
    const again = await browser.post(`/tokens/${tid}/revoke`, { key: await browser.key() });
    expect([again.status, again.text.includes('The token is revoked already.')]).toEqual([409, true]);
  });
});

describe('pages that fail', () => {
  it('are pages for people, and what they were for programs', async () => {
    const [browser] = await signedIn();
    const page = await browser.get('/nowhere');
    expect([page.status, page.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
    expect(page.text).toContain('There is nothing here');
    const text = await browser.get('/nowhere', { accept: '*/*' });
    expect([text.status, text.headers.get('content-type')]).toEqual([404, 'text/plain; charset=utf-8']);
    const api = await browser.get('/api/v1/nowhere');
    expect(api.headers.get('content-type')).toBe('application/problem+json');
  });
});

const SYSTEM = {
  name: 'test',
  privileges: new Set(['manage_all'] as const),
  via: 'system',
  tid: null,
  scopes: [],
  address: null,
  application: null,
} as const;
