import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { LoginMethod } from '../../../src/login/types.ts';
import { startLoginServer, type LoginServer } from '../../support/login-server.ts';
import { MemoryCredentials, unknownToken } from '../../support/memory-credentials.ts';
import { WireClient } from '../../support/wire-client.ts';

const credentials = new MemoryCredentials();
let server: LoginServer;
let tid = '';
/** Hashes that were computed, in order. */
const hashed: string[] = [];

beforeAll(async () => {
  server = await startLoginServer({ credentials });
  const { hasher } = server.deps;
  server.deps = {
    ...server.deps,
    hasher: {
      pbkdf2: (...args) => {
        hashed.push('pbkdf2');
        return hasher.pbkdf2(...args);
      },
      argon2Hash: (...args) => hasher.argon2Hash(...args),
      argon2Verify: (...args) => {
        hashed.push('argon2');
        return hasher.argon2Verify(...args);
      },
      argon2VerifyNobody: (...args) => {
        hashed.push('argon2');
        return hasher.argon2VerifyNobody(...args);
      },
    },
  };
  const known = await credentials.addUser('known', { password: 'right', scramIterations: 4096 });
  for (let i = 0; i < 3; i += 1) ({ tid } = await credentials.addToken(known));
  await credentials.addToken(known, { revokedAt: new Date() });
  await credentials.addUser('gone', { password: 'right', disabled: true, scramIterations: 4096 });
  await credentials.addUser('none', { scramIterations: 4096 });
  const hash = await server.deps.hasher.argon2Hash('right');
  credentials.setPassword(await credentials.addUser('hash', { scramIterations: 4096 }), {
    kind: 'argon2id',
    hash,
  });
});

beforeEach(() => {
  hashed.length = 0;
});

afterAll(() => server.close());

/** All bytes that the gateway sent, as text, without what is random or the name itself. */
async function transcript(
  user: string,
  secret: string,
  method: LoginMethod,
  tls: boolean,
): Promise<string[]> {
  server.deps = { ...server.deps, method };
  const client = await WireClient.connect({ port: server.port, tls });
  client.startup(user);
  if (method === 'cleartext') {
    await client.authentication();
    client.password(secret);
  } else {
    await client.scram(secret, tls ? { endPointHash: server.endPointHash } : {});
  }
  await client.rest();
  await server.ending();
  return client.seen.map(({ type, body }) =>
    (type + body.toString('latin1'))
      .replaceAll(user, 'NAME')
      .replace(/r=[\x21-\x2b\x2d-\x7e]{48}(?=,)/, 'r=NONCE')
      .replace(/s=[A-Za-z0-9+/]{22}==/, 's=SALT'),
  );
}

const wrongToken = unknownToken();
const strangers = ['gone', 'none', 'hash', 'nobody', 'Gone', 'known@nowhere.example', 'x'.repeat(2000)];

describe.each([
  { title: 'SCRAM without TLS', method: 'scram-sha-256', tls: false },
  { title: 'SCRAM over TLS', method: 'scram-sha-256', tls: true },
  { title: 'cleartext', method: 'cleartext', tls: true },
] as const)('$title', ({ method, tls }) => {
  test.each(['wrong', wrongToken])(
    '%s: what a known user sees is what everybody else sees',
    async (secret) => {
      const known = await transcript('known', secret, method, tls);
      expect(known.length).toBe(method === 'cleartext' ? 2 : 3);
      for (const name of strangers) expect(await transcript(name, secret, method, tls)).toEqual(known);
    },
  );
});

test('the right secret of a disabled user looks like a wrong one', async () => {
  for (const method of ['scram-sha-256', 'cleartext'] as const) {
    const wrong = await transcript('gone', 'wrong', method, true);
    expect(await transcript('gone', 'right', method, true)).toEqual(wrong);
  }
});

test('an unknown token id looks like a known one', async () => {
  const known = await transcript(`$token.${tid}`, 'wrong', 'scram-sha-256', true);
  const unknown = '00000000-0000-4000-8000-000000000000';
  expect(await transcript(`$token.${unknown}`, 'wrong', 'scram-sha-256', true)).toEqual(known);
});

test('in cleartext the same hashes are computed for everybody', async () => {
  for (const name of ['known', 'hash', 'none', 'nobody']) {
    hashed.length = 0;
    await transcript(name, 'wrong', 'cleartext', true);
    expect(hashed).toEqual(['argon2', 'pbkdf2']);
  }
});

describe('mock salt', () => {
  async function saltOf(user: string, at: LoginServer = server): Promise<string> {
    at.deps = { ...at.deps, method: 'scram-sha-256' };
    const client = await WireClient.connect({ port: at.port });
    client.startup(user);
    await client.authentication();
    client.saslInitial('SCRAM-SHA-256', 'n,,n=,r=abcdef');
    const { data } = await client.authentication();
    client.destroy();
    await at.ending();
    return /s=([^,]+),i=4096$/.exec(data.toString())?.[1] ?? '';
  }

  test('is the same each time, on each replica, and another one for another name', async () => {
    const replica = await startLoginServer({ credentials: new MemoryCredentials() });
    try {
      const salt = await saltOf('nobody');
      expect(Buffer.from(salt, 'base64')).toHaveLength(16);
      expect(await saltOf('nobody')).toBe(salt);
      expect(await saltOf('nobody', replica)).toBe(salt);
      expect(await saltOf('Nobody')).not.toBe(salt);
    } finally {
      await replica.close();
    }
  });

  test('of a token does not depend on how its id is written, as a real one does not', async () => {
    for (const id of [tid, '0000aaaa-0000-4000-8000-00000000bbbb']) {
      const salts = [`$token.${id}`, `token.${id}`, `$token.${id.toUpperCase()}`].map(
        (name) => () => saltOf(name),
      );
      const [first, ...others] = [await salts[0]?.(), await salts[1]?.(), await salts[2]?.()];
      expect(others).toEqual([first, first]);
    }
  });

  test('does not depend on the case of an e-mail address, as a real one does not', async () => {
    expect(await saltOf('Known@Example.com')).toBe(await saltOf('known@example.com'));
    expect(await saltOf('Nobody@Example.com')).toBe(await saltOf('nobody@example.com'));
  });
});
