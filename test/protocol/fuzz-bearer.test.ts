import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KeyObject, sign } from 'node:crypto';
import { exportJWK } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { createOauthVerifier, looksLikeJwt, type OauthVerifier } from '../../src/login/oauth-verifier.ts';
import { makeSigningKey } from '../support/identity-provider.ts';
import { startLoginServer, type LoginServer } from '../support/login-server.ts';
import { MemoryCredentials } from '../support/memory-credentials.ts';
import { WireClient } from '../support/wire-client.ts';
import { FUZZ_RUNS, FUZZ_SEED, mutated, randomNumbers } from './mutate.ts';
import { typed } from './packets.ts';

type Random = (below: number) => number;

/** A signature costs about ten times what a decoder does, a login over TLS two hundred times. */
const SIGNED = Math.ceil(FUZZ_RUNS / 10);
const LOGINS = Math.ceil(FUZZ_RUNS / 200);
const AUDIENCE = 'patgate';

/** The keys that the provider has to offer, as bytes; a test may spoil them. */
let offered: Buffer;
let published: Buffer;
let issuer: string;
let signed: (header: Buffer, claims: Buffer) => string;
let verifier: OauthVerifier;
let server: LoginServer;
const provider = createServer((_, response) => response.setHeader('connection', 'close').end(offered));

beforeAll(async () => {
  provider.listen(0, '127.0.0.1');
  await once(provider, 'listening');
  issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  const { publicKey, privateKey } = await makeSigningKey('first');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'first', alg: 'ES256', use: 'sig' };
  published = Buffer.from(JSON.stringify({ keys: [jwk] }));
  offered = published;
  const key = KeyObject.from(privateKey);
  signed = (header, claims) => {
    const text = `${header.toString('base64url')}.${claims.toString('base64url')}`;
    const proof = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
    return `${text}.${proof.toString('base64url')}`;
  };
  verifier = newVerifier();
  const credentials = new MemoryCredentials();
  await credentials.addUser('ada', { password: 'right' });
  server = await startLoginServer({ credentials, oauth: verifier, method: 'cleartext' });
});
afterAll(async () => {
  await server.close();
  provider.close();
  await once(provider, 'close');
});

function newVerifier(): OauthVerifier {
  const options = { issuer, audience: AUDIENCE, jwksUrl: issuer, userClaim: 'email', scopes: ['openid'] };
  return createOauthVerifier(options, systemClock);
}

const headers = (): Buffer[] =>
  [
    { alg: 'ES256', kid: 'first' },
    { alg: 'ES256', kid: 'first', typ: 'at+jwt', crit: ['exp'], b64: true, jku: 'http://x', jwk: {} },
    { alg: 'none' },
    { alg: 'HS256', kid: 'first' },
  ].map((header) => Buffer.from(JSON.stringify(header)));

const claims = (): Buffer[] => {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const good = { iss: issuer, aud: AUDIENCE, exp, email: 'ada@example.com' };
  return [
    good,
    { ...good, aud: ['x', AUDIENCE], nbf: 1, iat: 1, email_verified: true, sub: 'ada' },
    { ...good, exp: 1e99, email: ['ada@example.com'] },
    { ...good, email_verified: 'false' },
  ].map((set) => Buffer.from(JSON.stringify(set)));
};

/** Header or claims went wrong before they were signed, or the token afterwards. */
function spoilt(random: Random): string {
  const [header = Buffer.alloc(0), set = Buffer.alloc(0)] = [headers(), claims()].map(
    (corpus) => corpus[random(4) === 0 ? random(corpus.length) : 0] ?? Buffer.alloc(0),
  );
  switch (random(4)) {
    case 0:
      return signed(mutated([header], random), set);
    case 1:
      return signed(header, mutated([set], random));
    case 2:
      return signed(header, set);
    default:
      return mutated([Buffer.from(signed(header, set))], random).toString('latin1');
  }
}

test('tokens with a header, claims or signature gone wrong are good or not, and never the provider’s fault', async () => {
  const random = randomNumbers(FUZZ_SEED);
  let good = 0;
  for (let run = 0; run < SIGNED; run += 1) {
    const token = spoilt(random);
    const verdict = await verifier.verify(token).catch((error: unknown) => {
      throw new Error(`seed ${FUZZ_SEED}, run ${run}: ${token}`, { cause: error });
    });
    if (verdict.ok) {
      good += 1;
      expect(verdict.user).not.toBe('');
    } else expect(verdict.reason).not.toBe('');
  }
  expect(good).toBeGreaterThan(0);
  expect(good).toBeLessThan(SIGNED);
}, 3_600_000);

test('key sets gone wrong are keys, no keys, or the provider’s fault', async () => {
  const random = randomNumbers(FUZZ_SEED);
  const [header = Buffer.alloc(0)] = headers();
  const [set = Buffer.alloc(0)] = claims();
  const token = signed(header, set);
  for (let run = 0; run < SIGNED / 10; run += 1) {
    offered = mutated([published], random);
    try {
      const verdict = await newVerifier().verify(token);
      if (verdict.ok) expect(verdict.user).toBe('ada@example.com');
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'login.oauth_unavailable') continue;
      throw new Error(`seed ${FUZZ_SEED}, run ${run}: ${offered.toString()}`, { cause: error });
    }
  }
  offered = published;
}, 3_600_000);

/** What PostgreSQL answers to a login that is not good. */
const REFUSALS = /^(28P01|28000|08P01|0A000)$/;

test.each([
  { how: 'by OAUTHBEARER', user: '$oauth' },
  { how: 'as a password', user: 'ada' },
])(
  'logins $how with a spoilt token or message are let in or refused in PostgreSQL’s words',
  async ({ user }) => {
    const random = randomNumbers(FUZZ_SEED);
    for (let run = 0; run < LOGINS; run += 1) {
      const token = spoilt(random);
      const client = await WireClient.connect({ port: server.port, tls: true });
      client.startup(user);
      const { request } = await client.authentication();
      if (request === 10) {
        const message = Buffer.from(`n,,\u0001auth=Bearer ${token}\u0001\u0001`, 'latin1');
        client.saslInitial('OAUTHBEARER', random(2) === 0 ? mutated([message], random) : message);
        client.saslResponse(random(4) === 0 ? mutated([Buffer.of(1)], random) : Buffer.of(1));
      } else client.send(typed('p', Buffer.from(token, 'latin1'), Buffer.of(0)));
      const verdict = await client.verdict();
      client.destroy();
      const note = `seed ${FUZZ_SEED}, run ${run}: ${token}`;
      if (verdict === null || !verdict.ok)
        expect([note, verdict?.sqlState]).toEqual([note, expect.stringMatching(REFUSALS)]);
      const ending = await server.ending();
      if (ending.kind === 'refused' && looksLikeJwt(token)) {
        expect([note, ending.error.code]).not.toEqual([note, expect.stringMatching(/internal|unavailable/)]);
      }
    }
  },
  3_600_000,
);
