import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { issueCertificate } from '../../../src/tls/certificate.ts';
import { developmentTls, type DevelopmentTls } from '../../../src/tls/development.ts';
import { endPointHash } from '../../../src/tls/end-point-hash.ts';
import { loadServerTls } from '../../../src/tls/server-tls.ts';
import { nodeHello, opensslAnswers } from '../../support/tls-answers.ts';
import { messageOf, record, supportedGroups, withExtensions } from '../../support/tls-hellos.ts';

let directory: string;
let files: DevelopmentTls;
let others: DevelopmentTls;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'patgate-tls-'));
  const options = { names: ['localhost'], now: new Date() };
  files = await developmentTls(join(directory, 'one'), options);
  others = await developmentTls(join(directory, 'two'), options);
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

function encryptedKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString();
}

test('a pair loads, with the binding of its certificate', async () => {
  const { certificate, endPointHash: hash } = (await loadServerTls(files)).current();
  expect(certificate.checkHost('localhost')).toBe('localhost');
  expect(hash).toEqual(endPointHash(certificate.raw));
});

test.each<[string, () => { certFile: string; keyFile: string }, RegExp]>([
  [
    'no certificate file',
    () => ({ ...files, certFile: '/nowhere/x.crt' }),
    /^tls\.cert_file \/nowhere\/x\.crt cannot be read: ENOENT/,
  ],
  [
    'no key file',
    () => ({ ...files, keyFile: '/nowhere/x.key' }),
    /^tls\.key_file \/nowhere\/x\.key cannot be read: ENOENT/,
  ],
  [
    'nonsense for a certificate',
    () => ({ ...files, certFile: write('bad', 'hello') }),
    /^tls\.cert_file .* holds no PEM certificate/,
  ],
  [
    'nonsense for a key',
    () => ({ ...files, keyFile: write('bad', 'hello') }),
    /^tls\.key_file .* holds no PEM private key/,
  ],
  [
    'an encrypted key',
    () => ({ ...files, keyFile: write('bad', encryptedKey()) }),
    /^tls\.key_file .* is encrypted/,
  ],
  [
    'another’s key',
    () => ({ ...files, keyFile: others.keyFile }),
    /^tls\.key_file .* is not the key of tls\.cert_file/,
  ],
  ['a directory', () => ({ ...files, certFile: directory }), /cannot be read: EISDIR/],
])('%s is said in one line', async (_name, choose, message) => {
  const failure = loadServerTls(choose());
  await expect(failure).rejects.toMatchObject({ code: 'config.invalid' });
  await expect(failure).rejects.toThrow(message);
});

test('a reload takes what lies there now; one that fails changes nothing', async () => {
  const tls = await loadServerTls(files);
  const first = tls.current();
  copyFileSync(others.certFile, files.certFile);
  await expect(tls.reload()).rejects.toMatchObject({ code: 'config.invalid' });
  expect(tls.current()).toBe(first);
  copyFileSync(others.keyFile, files.keyFile);
  await tls.reload();
  expect(tls.current().certificate.serialNumber).not.toBe(first.certificate.serialNumber);
});

test.each<[string, number, boolean]>([
  ['X25519', 0x1d, true],
  ['P-256', 0x17, true],
  ['X448', 0x1e, false],
  ['P-384', 0x18, true],
  ['P-521', 0x19, false],
  ['ffdhe2048', 0x100, false],
])('keys are agreed on with %s if it is among the groups', async (name, id, expected) => {
  const { context, groups } = (await loadServerTls(files)).current();
  expect(groups.includes(id)).toBe(expected);
  const answers = await opensslAnswers(context, await nodeHello({ ecdhCurve: name, minVersion: 'TLSv1.3' }));
  expect(answers).toEqual([expected ? 'ServerHello' : 'alert 40']);
});

test('a post-quantum group is one where OpenSSL has it, and a client with another key is not asked for one', async () => {
  const { context, groups } = (await loadServerTls(files)).current();
  const [major = 0, minor = 0] = process.versions.openssl.split('.').map(Number);
  const has = major > 3 || (major === 3 && minor >= 5);
  expect(groups.includes(0x11ec)).toBe(has);
  const hello = withExtensions(messageOf(await nodeHello({ ecdhCurve: 'X25519' })), {
    10: supportedGroups(0x11ec, 0x1d),
  });
  expect(await opensslAnswers(context, record(hello))).toEqual(['ServerHello']);
});

/** A server's pair with an RSA key, signed by the authority of the others. */
function rsaFiles(): { certFile: string; keyFile: string } {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const certificate = issueCertificate({
    subject: 'localhost',
    issuer: 'patgate development CA',
    publicKey,
    issuerKey: createPrivateKey(readFileSync(join(directory, 'one', 'ca.key'))),
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    use: { names: ['localhost'] },
  });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { certFile: write('rsa.crt', certificate), keyFile: write('rsa.key', key) };
}

test.each([
  ['ECDHE-RSA-AES128-GCM-SHA256', 'ServerHello'],
  ['AES128-GCM-SHA256', 'alert 40'],
  ['AES256-SHA256', 'alert 40'],
])('with an RSA key, %s is answered with %s', async (ciphers, answer) => {
  const { context } = (await loadServerTls(rsaFiles())).current();
  expect(await opensslAnswers(context, await nodeHello({ maxVersion: 'TLSv1.2', ciphers }))).toEqual([
    answer,
  ]);
});
