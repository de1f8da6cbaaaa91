import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { DAY_MS } from '../../../src/core/duration.ts';
import { Secret } from '../../../src/core/secret.ts';
import { mailChannel } from '../../../src/tokens/mail-channel.ts';
import { sendExpiryNotices, type ExpiryNotice } from '../../../src/tokens/notices.ts';
import { webhookChannel } from '../../../src/tokens/webhook-channel.ts';
import { addUser, createServices, issueTo, ROOT } from '../../support/services.ts';
import { silentLog } from '../../support/store.ts';

const NOTICE: ExpiryNotice = {
  tid: '0f8fad5b-d9cb-469f-a165-70867728950e',
  label: 'étl, "nightly"',
  prefix: 'pat_abcdef',
  expiresAt: new Date('2030-01-02T03:04:05Z'),
  owner: 'ada, <x@y>',
  email: 'ada@example.com',
};

const servers: (Server | TcpServer)[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function portOf(server: Server | TcpServer): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

interface Post {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function hook(
  status: number,
  headers: Record<string, string> = {},
): Promise<{ url: string; posts: Post[] }> {
  const posts: Post[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      posts.push({ headers: request.headers, body });
      response.writeHead(status, headers).end('thanks');
    });
  });
  return { url: `http://127.0.0.1:${await portOf(server)}/hook`, posts };
}

const channelTo = (url: string, secret = 'shared', timeoutMs?: number) =>
  webhookChannel({
    url: new Secret(url),
    secret: new Secret(secret),
    clock: systemClock,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });

describe('the webhook', () => {
  it.each([
    ['a plain secret', 'shared', Buffer.from('shared')],
    ['a secret as the specification writes it', 'whsec_AAECAwQFBgc=', Buffer.from([0, 1, 2, 3, 4, 5, 6, 7])],
  ])('posts JSON, signed with %s', async (_name, secret, key) => {
    const { url, posts } = await hook(204);
    expect(await channelTo(url, secret).deliver(NOTICE)).toBe('sent');
    const [post] = posts;
    const header = (name: string) => String(post?.headers[name]);
    const signed = `${header('webhook-id')}.${header('webhook-timestamp')}.${post?.body ?? ''}`;
    expect(header('webhook-signature')).toBe(
      `v1,${createHmac('sha256', key).update(signed).digest('base64')}`,
    );
    expect(Math.abs(Number(header('webhook-timestamp')) * 1000 - Date.now())).toBeLessThan(60_000);
    expect(header('content-type')).toBe('application/json');
    expect(JSON.parse(post?.body ?? '')).toEqual({
      type: 'token.expiring',
      timestamp: expect.any(String) as string,
      data: { ...NOTICE, expiresAt: '2030-01-02T03:04:05.000Z' },
    });
    await channelTo(url, secret).deliver(NOTICE);
    expect(posts[1]?.headers['webhook-id']).toBe(header('webhook-id'));
  });

  it.each([
    [400, 'refused'],
    [410, 'refused'],
    [422, 'refused'],
  ] as const)('takes %i for an answer', async (status, delivery) => {
    const { url } = await hook(status);
    expect(await channelTo(url).deliver(NOTICE)).toBe(delivery);
  });

  it.each([401, 404, 429, 500, 503])('tries again after %i', async (status) => {
    const { url } = await hook(status);
    await expect(channelTo(url).deliver(NOTICE)).rejects.toThrow(String(status));
  });

  it('does not follow a redirect', async () => {
    const other = await hook(204);
    const { url } = await hook(307, { location: other.url });
    await expect(channelTo(url).deliver(NOTICE)).rejects.toThrow();
    expect(other.posts).toEqual([]);
  });

  it('does not wait for ever, nor show its secrets in errors', async () => {
    const mute = createTcpServer();
    const url = `http://user:sesame@127.0.0.1:${await portOf(mute)}/hook`;
    const error: unknown = await channelTo(url, 'key-of-hook', 200)
      .deliver(NOTICE)
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).not.toMatch(/sesame|key-of-hook/);
  });
});

/** As much of RFC 5321 as a mail takes. */
async function mailServer(
  answers: Partial<Record<string, string>> = {},
): Promise<{ url: string; lines: string[] }> {
  const lines: string[] = [];
  const server = createTcpServer((socket) => {
    socket.write('220 test\r\n');
    let isData = false;
    let rest = '';
    socket.on('data', (chunk) => {
      const parts = (rest + chunk.toString('utf8')).split('\r\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        lines.push(line);
        if (isData && line !== '.') continue;
        const verb = isData ? '.' : line.slice(0, 4).toUpperCase();
        isData = verb === 'DATA';
        socket.write(`${answers[line] ?? answers[verb] ?? (verb === 'DATA' ? '354 go on' : '250 ok')}\r\n`);
      }
    });
    socket.on('error', () => socket.destroy());
  });
  return { url: `smtp://127.0.0.1:${await portOf(server)}`, lines };
}

const mailTo = (url: string, pageUrl: string | null = null) =>
  mailChannel({ url: new Secret(url), from: 'patgate@example.com', pageUrl, timeoutMs: 2000 });

describe('the mail', () => {
  it('goes to the owner, and to nobody else whatever the owner is called', async () => {
    const { url, lines } = await mailServer();
    expect(await mailTo(url, 'https://gate.example.com').deliver(NOTICE)).toBe('sent');
    expect(lines.filter((line) => line.startsWith('RCPT'))).toEqual(['RCPT TO:<ada@example.com>']);
    expect(lines).toContain('MAIL FROM:<patgate@example.com>');
    const all = lines.join('\n');
    expect(all).toContain('Auto-Submitted: auto-generated');
    expect(all).toContain('https://gate.example.com');
    expect(all).toContain('2030');
  });

  it('is not for owners without an address', async () => {
    const { url, lines } = await mailServer();
    expect(await mailTo(url).deliver({ ...NOTICE, email: null })).toBe('skipped');
    expect(lines).toEqual([]);
  });

  it.each([
    ['an unknown recipient', { RCPT: '550 no such user' }, 'refused'],
    ['an unwanted mail', { '.': '554 spam' }, 'refused'],
  ] as const)('is given up for %s', async (_name, answers, delivery) => {
    const { url } = await mailServer(answers);
    expect(await mailTo(url).deliver(NOTICE)).toBe(delivery);
  });

  it.each([
    ['a full mailbox', { RCPT: '452 try later' }],
    ['a mail that is looked at more closely', { '.': '451 try later' }],
  ])('is postponed for %s', async (_name, answers) => {
    const { url } = await mailServer(answers);
    expect(await mailTo(url).deliver(NOTICE)).toBe('postponed');
  });

  it('to one mailbox that is full does not keep others from theirs', async () => {
    const services = await createServices('notices');
    try {
      const brief = (n: number) => ({ lifetime: { ms: DAY_MS + n } });
      const [full, fine] = [
        await addUser(services, { email: 'full@example.com' }),
        await addUser(services, { email: 'fine@example.com' }),
      ];
      const { url, lines } = await mailServer({ 'RCPT TO:<full@example.com>': '452 full' });
      // More than are read from the store at once, and all of them before the other's.
      await services.policy.set(ROOT, { maxLiveTokensPerUser: 128 });
      for (let n = 0; n < 101; n += 1) await issueTo(services, full, brief(n));
      await issueTo(services, fine, brief(1000));
      const deps = { store: services.test.store, clock: services.clock, log: silentLog };
      const when = { days: 7, signal: new AbortController().signal };
      expect(await sendExpiryNotices(deps, [mailTo(url)], when)).toBe(1);
      expect(lines).toContain('RCPT TO:<fine@example.com>');
      const tries = lines.filter((line) => line.startsWith('RCPT TO:<full@example.com>'));
      expect(tries).toHaveLength(101);
      // They are tried again, as many as one round settles, and the one that was sent is not.
      expect(await sendExpiryNotices(deps, [mailTo((await mailServer()).url)], when)).toBe(100);
    } finally {
      await services.drop();
    }
  });

  it.each([
    ['a server that is busy', { MAIL: '421 too many' }],
    ['a server that takes no sender at the moment', { MAIL: '451 try later' }],
    ['a server that goes away', { RCPT: '421 closing' }],
  ])('waits for %s', async (_name, answers) => {
    const { url } = await mailServer(answers);
    await expect(mailTo(url).deliver(NOTICE)).rejects.toThrow();
  });

  it('waits for a server that is away', async () => {
    const server = createTcpServer();
    const url = `smtp://user:sesame@127.0.0.1:${await portOf(server)}`;
    server.close();
    const error: unknown = await mailTo(url)
      .deliver(NOTICE)
      .catch((caught: unknown) => caught);
    expect(String(error)).not.toContain('sesame');
    expect(error).toBeInstanceOf(Error);
  });
});
