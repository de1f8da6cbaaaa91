import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { chooseMechanism, startClientExchange, type KeySource } from '../../../src/scram/client-exchange.ts';
import { deriveKeys } from '../../../src/scram/keys.ts';
import { formatVerifier, makeVerifier, parseVerifier } from '../../../src/scram/verifier.ts';
import { createRole, dropRole, type TestRole } from '../../support/database.ts';
import { WireClient } from '../../support/wire-client.ts';

let admin: pg.Client;
let role: TestRole;

beforeAll(async () => {
  admin = new pg.Client({ connectionString: inject('cluster').adminUrl });
  await admin.connect();
  role = await createRole('scram');
});

afterAll(async () => {
  await admin.end();
  await dropRole(role);
});

/** The verifier that PostgreSQL makes of a password. */
async function verifierBy(password: string): Promise<string> {
  await admin.query(`alter role ${role.name} password ${pg.escapeLiteral(password)}`);
  const { rows } = await admin.query<{ rolpassword: string }>(
    'select rolpassword from pg_authid where rolname = $1',
    [role.name],
  );
  return rows[0]?.rolpassword ?? '';
}

async function expectSameVerifier(password: string): Promise<void> {
  const theirs = await verifierBy(password);
  const parsed = parseVerifier(theirs);
  expect(parsed).not.toBeNull();
  if (parsed === null) return;
  expect(formatVerifier(await makeVerifier(password, parsed)), JSON.stringify(password)).toBe(theirs);
}

test.each([
  'pencil',
  ' leading and trailing ',
  'tab\tand bell\u0007',
  'pässwörd',
  'cafe\u0301',
  '\u2168 roman nine',
  'soft\u00adhyphen é',
  'no-break\u00a0space',
  'ideographic\u3000space',
  '\u00ad',
  'zero\u200bwidth space',
  'bell\u0007 é',
  'hebrew \u05d0',
  '\u05d0b\u05d0',
  '\u05d0\u05d1',
  '\u06271',
  'unassigned \u0221',
  'emoji 🔑',
  '한국어 비밀번호',
  'ﬁ ligature',
  '\ufffd replacement',
  '\u{e0001} tag',
  'private \ue000',
  'not in Unicode 3.2, though what it stands for is: \u321d',
  'prohibited, though what it stands for is not: \u0340',
  '\u05d0 \u2103 \u05d0',
])('%j has the verifier that PostgreSQL makes', expectSameVerifier);

test('any password has the verifier that PostgreSQL makes', async () => {
  const character = fc.oneof(
    fc.integer({ min: 1, max: 0x24f }),
    fc.constantFrom(
      0xad,
      0xa0,
      0x2000,
      0x200b,
      0x200e,
      0x3000,
      0x5d0,
      0x627,
      0xfb01,
      0xff21,
      0x1100,
      0x1161,
      0xac00,
    ),
    fc.integer({ min: 0x250, max: 0xd7ff }),
    fc.integer({ min: 0xe000, max: 0x10ffff }),
  );
  const password = fc
    .array(character, { minLength: 1, maxLength: 8 })
    .map((codes) => String.fromCodePoint(...codes));
  await fc.assert(fc.asyncProperty(password, expectSameVerifier), { numRuns: 300 });
});

async function logInToPostgresql(keys: KeySource): Promise<WireClient> {
  const client = await WireClient.connect({ port: inject('cluster').port });
  client.startup(role.name);
  const { request, data } = await client.authentication();
  expect(request).toBe(10);
  const mechanism = chooseMechanism(data.toString().split('\0'), null);
  if (mechanism === null) throw new Error('SCRAM is not offered');
  const exchange = startClientExchange(mechanism);
  client.saslInitial(mechanism.mechanism, exchange.message);
  const final = await exchange.answer((await client.authentication()).data, keys);
  client.saslResponse(final.message);
  final.finish((await client.authentication()).data);
  return client;
}

test('our client logs in to PostgreSQL, and believes its signature', async () => {
  await verifierBy('pässword');
  const client = await logInToPostgresql((parameters) => deriveKeys('pässword', parameters));
  // There is no database "demo" there; that is asked for after authentication only.
  expect(await client.authentication()).toMatchObject({ request: 0 });
  client.destroy();
});

test('keys that were kept stand in for the password', async () => {
  const verifier = parseVerifier(await verifierBy('pencil'));
  if (verifier === null) throw new Error('no verifier');
  const { clientKey, serverKey } = await deriveKeys('pencil', verifier);
  const client = await logInToPostgresql(() => ({ clientKey, serverKey }));
  client.destroy();
});

test('a server key that is not PostgreSQL’s shows', async () => {
  const login = logInToPostgresql(async (parameters) => {
    const { clientKey } = await deriveKeys('pencil', parameters);
    return { clientKey, serverKey: randomBytes(32) };
  });
  await expect(login).rejects.toMatchObject({ failure: 'server_signature' });
});
