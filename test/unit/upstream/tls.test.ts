import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAuthority, type Pair } from './certificates.ts';
import { PASSWORD, startMethodCluster, type MethodCluster } from './cluster.ts';
import {
  errorResponse,
  message,
  scriptedEngine,
  WELCOME,
  type Peer,
  type ScriptedEngine,
} from './scripted.ts';
import type { EngineSession, Upstream } from '../../../src/upstream/open.ts';
import { answers, ask, failure, NO_POOL, open, send, upstreamOf, type EngineSettings } from './support.ts';

let methods: MethodCluster;
let directory: string;
let caFile: string;
let otherCaFile: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'patgate-engine-tls-'));
  methods = await startMethodCluster(['localhost']);
  caFile = write('ca.crt', methods.authority.certificate);
  otherCaFile = write('other.crt', makeAuthority('another authority').certificate);
});
afterAll(async () => {
  await methods.drop();
  rmSync(directory, { recursive: true, force: true });
});

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

/** Whether a session is encrypted, or the code of what it failed with. */
async function outcome(engine: EngineSettings): Promise<string> {
  const upstream = await upstreamOf(engine, { pool: NO_POOL });
  try {
    const opening = open(upstream);
    const session = await opening.catch(() => null);
    if (session === null) return (await failure(opening)).code;
    upstream.giveBack(session, { reusable: true });
    return session.transport.encrypted ? 'encrypted' : 'plain';
  } finally {
    await upstream.close();
  }
}

describe('sslmode, with a real engine whose certificate is for localhost', () => {
  const NONE = (): undefined => undefined;
  const RIGHT = (): string => caFile;
  const OTHER = (): string => otherCaFile;

  it.each([
    ['127.0.0.1', 'disable', NONE, 'plain'],
    ['127.0.0.1', '', NONE, 'encrypted'],
    ['127.0.0.1', 'prefer', NONE, 'encrypted'],
    ['127.0.0.1', 'require', NONE, 'encrypted'],
    ['127.0.0.1', 'require', RIGHT, 'encrypted'],
    ['127.0.0.1', 'require', OTHER, 'engine.tls'],
    ['127.0.0.1', 'verify-ca', RIGHT, 'encrypted'],
    ['127.0.0.1', 'verify-ca', OTHER, 'engine.tls'],
    ['127.0.0.1', 'verify-full', RIGHT, 'engine.tls'],
    ['127.0.0.1', '', RIGHT, 'engine.tls'],
    ['localhost', '', RIGHT, 'encrypted'],
    ['localhost', 'verify-full', RIGHT, 'encrypted'],
    ['localhost', 'verify-full', OTHER, 'engine.tls'],
  ] as const)('%s, sslmode %s (%#): %s', async (host, mode, ca, expected) => {
    const parameters = mode === '' ? '' : `?sslmode=${mode}`;
    const url = `postgres://by_scram:${encodeURIComponent(PASSWORD)}@${host}:${methods.cluster.port}/postgres${parameters}`;
    const file = ca();
    expect(await outcome({ url, ...(file === undefined ? {} : { caFile: file }) })).toBe(expected);
  });

  it.each([
    ['?sslmode=verify-full', {}, /ca_file/],
    ['?sslrootcert=system&sslmode=require', {}, /too weak/],
    ['?sslnegotiation=direct', {}, /sslmode=require/],
    ['', { certFile: '/nowhere' }, /go together/],
    ['', { caFile: '/nowhere' }, /ca_file.*ENOENT/],
    ['', { identity: 'service', url: 'postgres://h/d' }, /needs a user/],
  ] as const)('refuses to start with %s %o', async (parameters, more, problem) => {
    const starting = upstreamOf({ url: `postgres://u@h/d${parameters}`, ...more });
    await expect(starting).rejects.toThrow(problem);
    await expect(starting).rejects.toMatchObject({ code: 'config.invalid' });
  });

  it('does not trust a certificate that has expired', async () => {
    const expired = methods.authority.issue('x', {
      names: ['localhost'],
      notAfter: new Date(Date.now() - 1000),
    });
    const front = await tlsFront(expired);
    expect(await outcome({ url: `postgres://by_trust@localhost:${front.port}/postgres`, caFile })).toBe(
      'engine.tls',
    );
    await front.close();
  });
});

/** Takes TLS off in front of the cluster, as a balancer does, and resumes sessions, which PostgreSQL itself does not. */
function tlsFront(
  pair: Pair,
  onSecure: (socket: TLSSocket) => void = () => undefined,
  /** What it does with the second connection and later ones, if not the same. */
  later?: (peer: Peer) => Promise<void>,
): Promise<ScriptedEngine> {
  let connections = 0;
  const secureContext = createSecureContext({ cert: pair.certificate, key: pair.key });
  return scriptedEngine(async (peer) => {
    await peer.packet();
    connections += 1;
    if (connections > 1 && later !== undefined) return later(peer);
    peer.write(Buffer.from('S'));
    const socket = new TLSSocket(peer.socket, {
      isServer: true,
      secureContext,
      ALPNCallback: () => 'postgresql',
    });
    socket.on('error', () => undefined);
    socket.on('secure', () => {
      onSecure(socket);
      const back = connectTcp(methods.cluster.port, '127.0.0.1');
      back.on('error', () => socket.destroy());
      socket.pipe(back).pipe(socket);
    });
    return undefined;
  });
}

describe('TLS sessions', () => {
  it('are resumed, and the session is the same role’s on a new connection', async () => {
    const reused: boolean[] = [];
    const pair = methods.authority.issue('front', { names: ['localhost'] });
    const front = await tlsFront(pair, (socket) => reused.push(socket.isSessionReused()));
    const upstream = await upstreamOf(
      { url: `postgres://by_trust@localhost:${front.port}/postgres`, caFile },
      { pool: NO_POOL },
    );
    for (let i = 0; i < 3; i += 1) {
      const session = await open(upstream);
      expect(await ask(session, 'SELECT session_user')).toEqual([['by_trust']]);
      upstream.giveBack(session, { reusable: true });
    }
    expect(reused).toEqual([false, true, true]);
    await upstream.reload();
    upstream.giveBack(await open(upstream), { reusable: true });
    expect(reused.at(-1)).toBe(false);
    await upstream.close();
    await front.close();
  });
});

describe('a cancel request for a session with TLS', () => {
  async function openThrough(front: ScriptedEngine): Promise<{ upstream: Upstream; session: EngineSession }> {
    const url = `postgres://by_trust@localhost:${front.port}/postgres?sslmode=prefer`;
    const upstream = await upstreamOf({ url }, { pool: NO_POOL });
    return { upstream, session: await open(upstream) };
  }

  function outcomeOf(session: EngineSession): Promise<unknown> {
    return answers(session, () => undefined).catch((error: unknown) => error);
  }

  it('goes over TLS', async () => {
    const secured: TLSSocket[] = [];
    const pair = methods.authority.issue('front', { names: ['localhost'] });
    const front = await tlsFront(pair, (socket) => secured.push(socket));
    const { upstream, session } = await openThrough(front);
    send(session, 'SELECT pg_sleep(60)');
    const outcome = outcomeOf(session);
    await upstream.cancel(session);
    expect(await outcome).toMatchObject({ code: '57014' });
    expect(secured).toHaveLength(2);
    upstream.giveBack(session, { reusable: true });
    await upstream.close();
    await front.close();
  });

  it('is not sent in the clear when the engine suddenly has no TLS', async () => {
    const pair = methods.authority.issue('front', { names: ['localhost'] });
    const inTheClear: string[] = [];
    const front = await tlsFront(pair, undefined, async (peer) => {
      peer.write(Buffer.from('N'));
      inTheClear.push((await peer.packet()).toString('hex'));
    });
    const { upstream, session } = await openThrough(front);
    await upstream.cancel(session);
    expect(front.connections).toBe(2);
    expect(inTheClear).toEqual([]);
    upstream.giveBack(session, { reusable: false });
    await upstream.close();
    await front.close();
  });
});

describe('the answer to SSLRequest', () => {
  const SSL_REQUEST = Buffer.from('0000000804d2162f', 'hex');

  async function answered(mode: string, script: (peer: Peer) => Promise<unknown>): Promise<string> {
    const engine = await scriptedEngine(async (peer) => {
      expect(await peer.read(8)).toEqual(SSL_REQUEST);
      await script(peer);
    });
    try {
      return await outcome({
        url: `postgres://u@localhost:${engine.port}/d?sslmode=${mode}&connect_timeout=1`,
      });
    } finally {
      await engine.close();
    }
  }

  async function refuseTlsAndWelcome(peer: Peer): Promise<void> {
    peer.write(Buffer.from('N'));
    await peer.packet();
    peer.write(WELCOME);
  }

  it.each([
    ['N where TLS is only preferred', 'prefer', refuseTlsAndWelcome, 'plain'],
    ['N where TLS is required', 'require', refuseTlsAndWelcome, 'engine.tls'],
    ['S with bytes behind it (CVE-2021-23222)', 'require', say('S', WELCOME), 'engine.tls'],
    ['N with bytes behind it', 'prefer', say('N', WELCOME), 'engine.tls'],
    [
      'an ErrorResponse (CVE-2024-10977)',
      'require',
      say('', errorResponse('57P03', 'send me your password')),
      'engine.tls',
    ],
    ['S and then no TLS', 'require', saySlowly('S', message('R', Buffer.alloc(4))), 'engine.tls'],
    ['S and then nothing', 'require', say('S'), 'engine.unreachable'],
    ['nothing', 'require', () => Promise.resolve(), 'engine.unreachable'],
    [
      'the end of the connection',
      'require',
      (peer: Peer) => Promise.resolve(peer.socket.end()),
      'engine.unreachable',
    ],
    [
      'a reset',
      'require',
      (peer: Peer) => Promise.resolve(peer.socket.resetAndDestroy()),
      'engine.unreachable',
    ],
  ] as const)('%s', async (_what, mode, script, expected) => {
    expect(await answered(mode, script)).toBe(expected);
  });

  function say(letter: string, ...more: readonly Buffer[]) {
    return (peer: Peer): Promise<void> => {
      peer.write(Buffer.from(letter), ...more);
      return Promise.resolve();
    };
  }

  /** The letter, and the rest when the gateway has begun its handshake. */
  function saySlowly(letter: string, ...more: readonly Buffer[]) {
    return async (peer: Peer): Promise<void> => {
      peer.write(Buffer.from(letter));
      await peer.read(5);
      peer.write(...more);
    };
  }
});

describe('direct TLS', () => {
  it('is not believed without ALPN', async () => {
    const pair = methods.authority.issue('x', { names: ['localhost'] });
    const engine = await scriptedEngine((peer) => {
      const secureContext = createSecureContext({ cert: pair.certificate, key: pair.key });
      const socket = new TLSSocket(peer.socket, { isServer: true, secureContext });
      socket.on('error', () => undefined);
      return Promise.resolve();
    });
    const url = `postgres://u@localhost:${engine.port}/d?sslnegotiation=direct&sslmode=verify-full`;
    const upstream = await upstreamOf({ url, caFile }, { pool: NO_POOL });
    const error = await failure(open(upstream));
    expect(error).toMatchObject({ code: 'engine.tls', client: { sqlState: '08004' } });
    expect(error.message).toMatch(/ALPN/);
    await upstream.close();
    await engine.close();
  });
});
