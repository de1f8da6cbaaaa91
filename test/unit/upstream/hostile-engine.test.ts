import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { deriveKeys } from '../../../src/scram/keys.ts';
import {
  AUTHENTICATION_OK,
  BACKEND_KEY_DATA,
  errorResponse,
  int32,
  message,
  READY,
  scriptedEngine,
  WELCOME,
  type Peer,
} from './scripted.ts';
import { failure, greeted, NO_POOL, open, upstreamOf } from './support.ts';

type Script = (peer: Peer) => Promise<unknown>;

const AUTHENTICATION_SASL = message('R', int32(10), 'SCRAM-SHA-256', Buffer.of(0));

/** Opens a session on an engine that follows a script once it has read the start-up packet. */
async function against<T>(script: Script, run: (opening: ReturnType<typeof open>) => Promise<T>): Promise<T> {
  let gone: Promise<void> = Promise.resolve();
  const engine = await scriptedEngine(async (peer) => {
    await peer.packet();
    await script(peer);
    gone = peer.closed();
  });
  const url = `postgres://role:secret@127.0.0.1:${engine.port}/db?sslmode=disable&connect_timeout=1`;
  const upstream = await upstreamOf({ url }, { pool: NO_POOL });
  try {
    return await run(open(upstream));
  } finally {
    // Whatever happened, no connection is left behind.
    await upstream.close();
    if (engine.connections > 0) await gone;
    await engine.close();
  }
}

function says(...parts: readonly Buffer[]): Script {
  return (peer) => {
    peer.write(...parts);
    return Promise.resolve();
  };
}

/** Says it and closes. */
function saysLast(...parts: readonly Buffer[]): Script {
  return (peer) => Promise.resolve(peer.socket.end(Buffer.concat(parts)));
}

interface ScramTricks {
  readonly nonce?: (client: string) => string;
  readonly iterations?: number;
  readonly serverKey?: Buffer;
  readonly ending?: (signature: string) => readonly Buffer[];
}

/** A server's side of SCRAM that knows the password and may misbehave. */
function scram(tricks: ScramTricks): Script {
  return async (peer) => {
    peer.write(AUTHENTICATION_SASL);
    const first = (await peer.message()).body.toString('latin1');
    const bare = first.slice(first.indexOf('n=,r='));
    const nonce = (tricks.nonce ?? ((client) => `${client}server`))(bare.slice('n=,r='.length));
    const salt = Buffer.from('salt');
    const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${tricks.iterations ?? 4096}`;
    peer.write(message('R', int32(11), Buffer.from(serverFirst)));
    const final = (await peer.message()).body.toString('latin1');
    const withoutProof = final.slice(0, final.lastIndexOf(',p='));
    const { serverKey } = await deriveKeys('secret', { salt, iterations: 4096 });
    const signature = createHmac('sha256', tricks.serverKey ?? serverKey)
      .update(`${bare},${serverFirst},${withoutProof}`)
      .digest('base64');
    const ending = tricks.ending ?? ((text) => [message('R', int32(12), Buffer.from(`v=${text}`)), WELCOME]);
    peer.write(...ending(signature));
  };
}

describe('an engine that cannot prove that it knows the secret', () => {
  it('is believed when it can', async () => {
    await against(scram({}), async (opening) => {
      const session = await opening;
      expect(session).toMatchObject({ processId: 4711, cancelKey: int32(815), leftover: Buffer.alloc(0) });
      session.transport.destroy();
    });
  });

  it.each<[string, ScramTricks, string]>([
    ['signs with another key', { serverKey: Buffer.alloc(32) }, 'engine.server_signature'],
    ['skips its signature', { ending: () => [WELCOME] }, 'engine.server_signature'],
    [
      'sends an empty signature',
      { ending: () => [message('R', int32(12)), WELCOME] },
      'engine.server_signature',
    ],
    ['answers with another nonce', { nonce: () => 'another' }, 'engine.server_signature'],
    ['adds nothing to the nonce', { nonce: (client) => client }, 'engine.server_signature'],
    ['asks for too many iterations', { iterations: 1_000_001 }, 'engine.unsupported_authentication'],
    ['asks for SASL again', { ending: () => [AUTHENTICATION_SASL] }, 'engine.protocol'],
    [
      'ends with an error of SCRAM',
      { ending: () => [message('R', int32(12), Buffer.from('e=invalid-proof'))] },
      'engine.credential_rejected',
    ],
    [
      'proves itself and then asks for the password too',
      { ending: (text) => [message('R', int32(12), Buffer.from(`v=${text}`)), message('R', int32(3))] },
      'engine.protocol',
    ],
  ])('%s', async (_what, tricks, code) => {
    await against(scram(tricks), async (opening) => expect((await failure(opening)).code).toBe(code));
  });
});

describe('an engine that asks for what is not spoken', () => {
  it.each([
    ['Kerberos', message('R', int32(2)), /Kerberos/],
    ['GSSAPI', message('R', int32(7)), /GSSAPI/],
    ['SSPI', message('R', int32(9)), /SSPI/],
    ['SCM credentials', message('R', int32(6), int32(0)), /6 \(unknown\)/],
    ['OAuth', message('R', int32(10), 'OAUTHBEARER', Buffer.of(0)), /OAUTHBEARER/],
    ['no mechanism', message('R', int32(10), Buffer.of(0)), /SASL/],
    ['binding without TLS', message('R', int32(10), 'SCRAM-SHA-256-PLUS', Buffer.of(0)), /PLUS/],
  ])('%s', async (_what, request, text) => {
    await against(says(request), async (opening) => {
      const error = await failure(opening);
      expect(error).toMatchObject({
        code: 'engine.unsupported_authentication',
        client: { sqlState: '08004' },
      });
      expect(error.message).toMatch(text);
    });
  });
});

describe('an engine that breaks the protocol', () => {
  it.each([
    ['speaks HTTP', saysLast(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))],
    ['says zeros', says(Buffer.alloc(64))],
    ['sends a length under 4', says(Buffer.from('5200000003', 'hex'))],
    ['sends a negative length', says(Buffer.from('52ffffffff', 'hex'))],
    ['announces a gigabyte', says(Buffer.from('5340000000', 'hex'))],
    ['sends a message over 30,000 bytes', says(message('S', Buffer.alloc(30_000)))],
    ['cuts a message short', saysLast(AUTHENTICATION_OK.subarray(0, 6))],
    ['is ready before it has authenticated', says(READY)],
    ['reports before it has authenticated', says(message('S', 'a', 'b'))],
    ['sends its key before it has authenticated', says(BACKEND_KEY_DATA)],
    ['sends rows', says(AUTHENTICATION_OK, message('D', Buffer.alloc(2)))],
    ['asks for a password after AuthenticationOk', says(AUTHENTICATION_OK, message('R', int32(3)))],
    ['is authenticated twice', says(AUTHENTICATION_OK, AUTHENTICATION_OK)],
    ['begins inside a transaction', says(AUTHENTICATION_OK, message('Z', Buffer.from('T')))],
    ['has an unknown status', says(AUTHENTICATION_OK, message('Z', Buffer.from('X')))],
    ['has a ReadyForQuery of two bytes', says(AUTHENTICATION_OK, message('Z', Buffer.from('II')))],
    ['sends a key of 3 bytes', says(AUTHENTICATION_OK, message('K', int32(1), Buffer.alloc(3)), READY)],
    ['sends a key of 257 bytes', says(AUTHENTICATION_OK, message('K', int32(1), Buffer.alloc(257)), READY)],
    ['sends an unterminated parameter', says(AUTHENTICATION_OK, message('S', Buffer.from('abc')), READY)],
    ['sends a parameter with a tail', says(AUTHENTICATION_OK, message('S', 'a', 'b', 'c'), READY)],
    ['negotiates what was not asked for', says(message('v', int32(3 << 16), int32(0)))],
    ['lists options that were not asked for', says(message('v', int32(3 << 16), int32(1), '_pq_.x'))],
    ['sends an MD5 request without a salt', says(message('R', int32(5)))],
    ['reports without an end', (peer: Peer) => flood(peer)],
  ])('%s', async (_what, script) => {
    await against(script, async (opening) => {
      const error = await failure(opening);
      expect(error.code).toBe('engine.protocol');
      expect(error.client).toEqual({
        severity: 'FATAL',
        sqlState: '08P01',
        message: 'the engine "main" broke the protocol',
      });
    });
  });

  /** Megabytes of well-formed messages. */
  function flood(peer: Peer): Promise<void> {
    const report = message('S', 'name', 'x'.repeat(20_000));
    peer.write(AUTHENTICATION_OK, ...Array.from({ length: 200 }, () => report));
    return Promise.resolve();
  }
});

describe('an engine that goes away or says nothing', () => {
  const STAGES: readonly (readonly [string, Buffer])[] = [
    ['at once', Buffer.alloc(0)],
    ['after asking for a password', message('R', int32(3))],
    ['after AuthenticationOk', AUTHENTICATION_OK],
    ['before ReadyForQuery', WELCOME.subarray(0, -READY.length)],
  ];

  it.each(STAGES)('closes %s', async (_when, bytes) => {
    await against(saysLast(bytes), async (opening) => expectUnavailable(await failure(opening), /ended/));
  });

  it.each(STAGES)('resets %s', async (_when, bytes) => {
    const script: Script = async (peer) => {
      await new Promise((written) => peer.socket.write(bytes, written));
      peer.socket.resetAndDestroy();
    };
    await against(script, async (opening) => expectUnavailable(await failure(opening), /ended/));
  });

  it.each(STAGES)('hangs %s', async (_when, bytes) => {
    await against(says(bytes), async (opening) =>
      expectUnavailable(await failure(opening), /within 1000 ms/),
    );
  });

  function expectUnavailable(error: Awaited<ReturnType<typeof failure>>, why: RegExp): void {
    expect(error.code).toBe('engine.unreachable');
    expect(error.message).toMatch(why);
    expect(error.client).toEqual({
      severity: 'FATAL',
      sqlState: '57P03',
      message: 'the engine "main" is not available at the moment',
    });
  }
});

describe('a client that leaves while its session is opened', () => {
  it.each([
    ['waiting for the answer to the start-up packet', Buffer.alloc(0)],
    ['waiting for ReadyForQuery', AUTHENTICATION_OK],
  ])('%s: the connection is closed and the reason passed on', async (_when, bytes) => {
    const leaving = new AbortController();
    const engine = await scriptedEngine(async (peer) => {
      await peer.packet();
      peer.write(bytes);
      leaving.abort(new Error('the client left'));
      await peer.closed();
    });
    const upstream = await upstreamOf({ url: `postgres://r@127.0.0.1:${engine.port}/db?sslmode=disable` });
    await expect(open(upstream, { signal: leaving.signal })).rejects.toThrow('the client left');
    await expect(open(upstream, { signal: leaving.signal })).rejects.toThrow('the client left');
    expect(engine.connections).toBe(1);
    await upstream.close();
    await engine.close();
  });
});

describe('what an engine says before ReadyForQuery', () => {
  it('is kept byte for byte, and what comes behind is left over', async () => {
    const notice = message(
      'N',
      'SWARNING',
      'VWARNING',
      'C01000',
      'Mcollation version mismatch',
      Buffer.of(0),
    );
    const status = message('S', 'odd', '\u00e9 "quoted"');
    const late = message('S', 'late', '1');
    await against(
      says(notice, AUTHENTICATION_OK, status, notice, BACKEND_KEY_DATA, READY, late),
      async (opening) => {
        const session = await opening;
        expect(session.greeting).toEqual(Buffer.concat([notice, status, notice]));
        expect(await greeted(session.greeting)).toEqual(new Map([['odd', '\u00e9 "quoted"']]));
        expect(session.leftover).toEqual(late);
        session.transport.destroy();
      },
    );
  });

  it('may lack a key: then there is nothing to cancel', async () => {
    await against(says(AUTHENTICATION_OK, READY), async (opening) => {
      const session = await opening;
      expect(session).toMatchObject({ processId: 0, cancelKey: Buffer.alloc(0) });
      session.transport.destroy();
    });
  });

  it('may hold a key of 256 bytes', async () => {
    const key = Buffer.alloc(256, 9);
    await against(says(AUTHENTICATION_OK, message('K', int32(1), key), READY), async (opening) => {
      const session = await opening;
      expect(session.cancelKey).toEqual(key);
      session.transport.destroy();
    });
  });
});

describe('the engine’s own refusal', () => {
  it.each([
    ['3D000', 'database "db" does not exist'],
    ['53300', 'sorry, too many clients already'],
    ['57P03', 'the database system is starting up'],
    ['42501', 'permission denied for database "db"'],
    ['42704', 'unrecognized configuration parameter "colour"'],
    ['XX000', 'h\u00e9'],
  ])('%s reaches the client as it is', async (sqlState, text) => {
    const frame = errorResponse(sqlState, text);
    await against(saysLast(frame), async (opening) => {
      const error = await failure(opening);
      expect(error).toMatchObject({ code: 'engine.refused', frame, client: { sqlState, message: text } });
    });
  });

  it.each(['28P01', '28000'])('%s is about the gateway’s credential: 08004', async (sqlState) => {
    await against(says(errorResponse(sqlState, 'no entry for 10.0.0.1')), async (opening) => {
      const error = await failure(opening);
      expect(error).toMatchObject({ code: 'engine.credential_rejected', client: { sqlState: '08004' } });
      expect(error.client.message).not.toMatch(/10\.0\.0\.1/);
      expect(error.message).toMatch(/10\.0\.0\.1/);
    });
  });
});
