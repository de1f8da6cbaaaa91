import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MovedClock } from '../../support/services.ts';
import { PersonBrowser } from './support/person-browser.ts';
import { startWorld, type Person, type World } from './support/world.ts';

let world: World;
let ada: Person;
const clock = new MovedClock();

beforeAll(async () => {
  world = await startWorld('page', clock);
  ada = await world.person('ada');
});
afterAll(() => world.close());

const PAGES = ['/tokens', '/tokens/new', '/tokens.csv', '/tokens/revoke-all', '/connect'];

describe('who is not signed in', () => {
  it.each(PAGES)('is sent from %s to sign in, and back afterwards', async (path) => {
    const browser = new PersonBrowser(world.url);
    const answer = await browser.get(`${path}?view=revoked`);
    expect(answer.status).toBe(303);
    expect(answer.location).toBe(`/sign-in?next=${encodeURIComponent(`${path}?view=revoked`)}`);
    const signedIn = await browser.submit(answer.location ?? '', '/sign-in', {
      name: ada.name,
      password: ada.password,
    });
    expect(signedIn.location).toBe(`${path}?view=revoked`);
  });

  it.each([
    ['nothing', ''],
    ['words', 'patgate=hello'],
    ['a token that nobody has', () => `patgate=${world.unknownToken()}`],
    ['a session token under the name for TLS', () => `__Host-patgate=${ada.session}`],
    ['the session token of an API', () => `patgate=${ada.session}`],
    ['a personal access token', async () => `patgate=${(await world.issue(ada)).token}`],
  ])('gets no page for a cookie that holds %s', async (_what, cookie) => {
    const browser = new PersonBrowser(world.url);
    browser.cookie = typeof cookie === 'string' ? cookie : await cookie();
    expect((await browser.get('/tokens')).location).toMatch(/^\/sign-in/);
  });

  it('hears the same for an unknown name and a wrong password', async () => {
    const browser = new PersonBrowser(world.url);
    const wrong = await browser.post('/sign-in', { name: ada.name, password: 'not this one' });
    const unknown = await browser.post('/sign-in', { name: 'nobody', password: 'not this one' });
    expect([wrong.status, unknown.status]).toEqual([401, 401]);
    const said = (text: string) => text.replaceAll(ada.name, 'nobody');
    expect(said(wrong.text)).toBe(unknown.text);
    expect(browser.cookie).toBe('');
  });

  it('is told to wait after too many wrong passwords', async () => {
    const mallory = await world.person('mallory');
    const browser = new PersonBrowser(world.url);
    const guess = (password: string) => browser.post('/sign-in', { name: mallory.name, password });
    for (let count = 0; count < 11; count += 1) expect((await guess(`guess ${count}`)).status).toBe(401);
    const refused = await guess('another guess');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.text).toContain('Too many failed logins');
    clock.move(3_600_000);
  });
});

describe('a session of the page', () => {
  it('begins with a cookie of its own, whatever cookie was there: none can be planted', async () => {
    const browser = new PersonBrowser(world.url);
    const planted = (await PersonBrowser.signedIn(world, await world.person('attacker'))).cookie;
    browser.cookie = planted;
    await browser.post('/sign-in', { name: ada.name, password: ada.password });
    expect(browser.cookie).not.toBe(planted);
    expect((await browser.get('/tokens')).text).toContain(ada.name);
    const attacker = new PersonBrowser(world.url);
    attacker.cookie = planted;
    expect((await attacker.get('/tokens')).status).toBe(303);
  });

  it('has a cookie that is worth nothing elsewhere, so that the password can not be got round', async () => {
    const { cookie } = await PersonBrowser.signedIn(world, ada);
    const session = cookie.replace(/^patgate=/, '');
    const answer = await fetch(`${world.url}/api/v1/me`, { headers: { authorization: `Bearer ${session}` } });
    expect(answer.status).toBe(401);
    const thief = new PersonBrowser(world.url);
    for (const name of [ada.name, 'token']) {
      expect((await thief.post('/sign-in', { name, password: session })).status).toBe(401);
    }
    const renewed = await fetch(`${world.url}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: ada.name, password: ada.session }),
    });
    expect(renewed.status).toBe(401);
    expect(thief.cookie).toBe('');
  });

  it('has a cookie that no script reads and no other site sends', async () => {
    const answer = await new PersonBrowser(world.url).post('/sign-in', {
      name: ada.name,
      password: ada.password,
    });
    const line = answer.headers.get('set-cookie') ?? '';
    expect(line).toMatch(/^patgate=pse_\w+; Path=\/; HttpOnly; SameSite=Strict$/);
  });

  it('ends by signing out, also in another window', async () => {
    const browser = await PersonBrowser.signedIn(world, ada);
    const other = new PersonBrowser(world.url);
    other.cookie = browser.cookie;
    const answer = await browser.submit('/tokens', '/sign-out');
    expect(answer.location).toBe('/sign-in?done=signed-out');
    expect(browser.cookie).toBe('');
    expect((await other.get('/tokens')).status).toBe(303);
  });

  it('ends when its owner is disabled, or the token by which it was begun is revoked', async () => {
    const eve = await world.person('eve');
    const root = await world.person('root', 'admin');
    const { tid, token } = await world.issue(eve);
    const [byPassword, byToken] = [
      await PersonBrowser.signedIn(world, eve),
      await PersonBrowser.signedIn(world, { name: eve.name, password: token }),
    ];
    expect((await byToken.get('/tokens')).status).toBe(200);
    await world.revoke(tid);
    expect((await byToken.get('/tokens')).status).toBe(303);
    expect((await byPassword.get('/tokens')).status).toBe(200);
    await world.call('POST', `/api/v1/users/${eve.uid}/disable`, { as: root.session });
    expect((await byPassword.get('/tokens')).status).toBe(303);
  });

  it('is no credential for the API', async () => {
    const browser = await PersonBrowser.signedIn(world, ada);
    expect((await browser.get('/api/v1/me')).status).toBe(401);
  });
});

describe('a form', () => {
  const FORMS = ['/sign-out', '/tokens', '/tokens/revoke', '/tokens/revoke-all'];

  it.each(FORMS)('for %s is refused without its key, or with that of another session', async (path) => {
    const browser = await PersonBrowser.signedIn(world, ada);
    const other = await (await PersonBrowser.signedIn(world, ada)).key();
    for (const fields of [{}, { key: '' }, { key: other }]) {
      const answer = await browser.post(path, { label: 'forged', ...fields });
      expect(answer.status).toBe(403);
    }
    expect((await browser.get('/tokens')).text).not.toContain('forged');
  });

  it.each([
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['another host of the same site', { 'sec-fetch-site': 'same-site' }],
    ['another origin', { origin: 'https://evil.example' }],
    ['a page without an origin', { origin: 'null' }],
    ['who does not say', {}],
  ])('sent from %s is refused, even with its key; also the one for signing in', async (_who, headers) => {
    const browser = await PersonBrowser.signedIn(world, ada);
    const key = await browser.key();
    const answer = await browser.post('/tokens', { key, label: 'forged' }, headers);
    expect(answer.status).toBe(403);
    const fields = { name: ada.name, password: ada.password };
    const signIn = await new PersonBrowser(world.url).post('/sign-in', fields, headers);
    expect(signIn.status).toBe(403);
    expect(signIn.headers.get('set-cookie')).toBeNull();
  });

  it('from a browser that tells its origin alone is taken', async () => {
    const browser = await PersonBrowser.signedIn(world, ada);
    const fields = { key: await browser.key(), label: 'from an older browser' };
    expect((await browser.post('/tokens', fields, { origin: world.url })).status).toBe(200);
  });

  it.each([
    ['no form', 'application/json', '{}', 400],
    ['too long', 'application/x-www-form-urlencoded', `key=${'x'.repeat(200_000)}`, 413],
    ['no UTF-8', 'application/x-www-form-urlencoded', Buffer.from([0xff, 0xfe]), 400],
  ])('that is %s is refused', async (_what, type, body, status) => {
    const { cookie } = await PersonBrowser.signedIn(world, ada);
    const answer = await fetch(`${world.url}/tokens`, {
      method: 'POST',
      headers: { cookie, 'content-type': type, 'sec-fetch-site': 'same-origin' },
      body,
    });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('text/html');
    await answer.text();
  });
});

describe('an address to go on to', () => {
  it.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    '/\t/evil.example/',
    '/%09/evil.example\\@x',
    'javascript:alert(1)',
    '\\\\evil.example',
    '/.//evil.example',
    '',
  ])('%j leads nowhere else', async (next) => {
    const browser = new PersonBrowser(world.url);
    const answer = await browser.post('/sign-in', { name: ada.name, password: ada.password, next });
    const target = new URL(answer.location ?? '', world.url);
    expect(target.origin).toBe(world.url);
    expect(answer.location).not.toMatch(/^\/[/\\]/);
    const again = await browser.get(`/sign-in?${new URLSearchParams({ next }).toString()}`);
    expect(new URL(again.location ?? '', world.url).origin).toBe(world.url);
  });
});

describe('headers', () => {
  it.each(['/sign-in', '/tokens', '/tokens/new', '/connect', '/nowhere', '/tokens/nothing/revoke'])(
    'of %s let nobody frame, keep, or run anything in the page',
    async (path) => {
      const { headers, text } = await (await PersonBrowser.signedIn(world, ada)).get(path);
      const policy = headers.get('content-security-policy') ?? '';
      if (path !== '/sign-in') {
        expect(policy).toContain("default-src 'none'");
        expect(policy).toContain("frame-ancestors 'none'");
        expect(policy).not.toMatch(/unsafe|\*|data:|https?:/);
        expect(headers.get('x-frame-options')).toBe('DENY');
        expect(text).not.toMatch(/<script(?! src=)|<style|\son\w+=|style="/);
      }
      expect(headers.get('cache-control')).toBe('no-store');
    },
  );

  it('let browsers keep the style sheet, whose address changes with it', async () => {
    const { text } = await new PersonBrowser(world.url).get('/sign-in');
    const address = /href="(\/assets\/[^"]+\.css)"/.exec(text)?.[1] ?? '';
    const style = await fetch(world.url + address);
    expect(style.headers.get('cache-control')).toContain('immutable');
    expect((await style.text()).length).toBeLessThan(20_000);
    expect((await fetch(`${world.url}/assets/000000000000/style.css`)).status).toBe(404);
  });
});

describe('what others wrote', () => {
  const HOSTILE = '<img src=x onerror=alert(1)>"\'&';

  it('is text on every page where it stands', async () => {
    const eve = await world.person('eve');
    const { tid } = await world.issue(eve, { label: HOSTILE, description: HOSTILE });
    world.deps.lastUsed.note(tid, { at: clock.now(), address: HOSTILE, application: HOSTILE });
    const browser = await PersonBrowser.signedIn(world, eve);
    for (const path of [
      '/tokens',
      `/tokens/${tid}/revoke`,
      `/tokens/new?label=${encodeURIComponent(HOSTILE)}`,
    ]) {
      const { text } = await browser.get(path);
      expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;');
      expect(text).not.toContain('<img src=x');
    }
    const searched = await browser.get(`/tokens?q=${encodeURIComponent(HOSTILE)}`);
    expect(searched.text).not.toContain('<img src=x');
    const wrong = await browser.post('/sign-in', { name: HOSTILE, password: 'x' });
    expect(wrong.text).not.toContain('<img src=x');
  });

  it('is no formula in the exported file', async () => {
    const eve = await world.person('eve');
    await world.issue(eve, { label: '=HYPERLINK("https://evil.example")' });
    const { text, headers } = await (await PersonBrowser.signedIn(world, eve)).get('/tokens.csv');
    expect(headers.get('content-disposition')).toContain('attachment');
    expect(text).toContain(`"'=HYPERLINK(""https://evil.example"")"`);
  });
});
