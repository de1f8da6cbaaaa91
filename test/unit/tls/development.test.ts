import { spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { issueCertificate } from '../../../src/tls/certificate.ts';
import { developmentNames, developmentTls } from '../../../src/tls/development.ts';

const DAY_MS = 86_400_000;
const now = new Date('2031-05-01T12:00:00Z');
const names = ['localhost', '127.0.0.1', '::1', 'db-host.example'];

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'patgate-tls-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function certificate(file: string): X509Certificate {
  return new X509Certificate(readFileSync(file));
}

test('this machine’s names hold localhost, its addresses, and nothing twice', () => {
  const list = developmentNames();
  expect(list).toEqual(expect.arrayContaining(['localhost', '127.0.0.1', '::1']));
  expect(new Set(list).size).toBe(list.length);
});

test('names that clients are told to use are among them, if they can be in a certificate', () => {
  const list = developmentNames(['10.0.0.5', 'sql.example.com', '0.0.0.0', '::', 'not a name']);
  expect(list.slice(developmentNames().length)).toEqual(['10.0.0.5', 'sql.example.com']);
});

describe('a fresh directory', () => {
  test('gets an authority and a server certificate for every name', async () => {
    const files = await developmentTls(directory, { names, now });
    const [authority, server] = [certificate(files.caFile), certificate(files.certFile)];
    expect(authority.ca).toBe(true);
    expect(authority.verify(authority.publicKey)).toBe(true);
    expect(server.ca).toBe(false);
    expect(server.checkIssued(authority)).toBe(true);
    expect(server.verify(authority.publicKey)).toBe(true);
    expect(server.checkHost('localhost')).toBe('localhost');
    expect(server.checkHost('db-host.example')).toBe('db-host.example');
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(server.checkIP('::1')).toBe('::1');
    expect(server.checkHost('other.example')).toBeUndefined();
    expect(server.checkPrivateKey(createPrivateKey(readFileSync(files.keyFile)))).toBe(true);
  });

  test.runIf(process.platform !== 'win32')('keeps its keys to itself', async () => {
    await developmentTls(directory, { names, now });
    const mode = (name: string): number => statSync(join(directory, name)).mode & 0o777;
    expect([mode('ca.key'), mode('server.key')]).toEqual([0o600, 0o600]);
    expect(readdirSync(directory).sort()).toEqual(['ca.crt', 'ca.key', 'server.crt', 'server.key']);
  });

  test('made by several at once, all ends match', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => developmentTls(directory, { names, now })));
    const [files] = all;
    if (files === undefined) throw new Error('nothing made');
    const [authority, server] = [certificate(files.caFile), certificate(files.certFile)];
    expect(server.verify(authority.publicKey)).toBe(true);
    expect(server.checkPrivateKey(createPrivateKey(readFileSync(files.keyFile)))).toBe(true);
    expect(readdirSync(directory)).toHaveLength(4);
  });

  test('satisfies OpenSSL’s strict reading of RFC 5280', async ({ skip }) => {
    if (spawnSync('openssl', ['version']).error !== undefined) skip('openssl is not installed');
    const files = await developmentTls(directory, { names, now: new Date() });
    const purpose = ['-purpose', 'sslserver', '-verify_hostname', 'localhost'];
    const run = spawnSync(
      'openssl',
      ['verify', '-x509_strict', '-CAfile', files.caFile, ...purpose, files.certFile],
      { encoding: 'utf8' },
    );
    expect(run.stderr + run.stdout).toBe(`${files.certFile}: OK\n`);
  });
});

describe('a directory that was used before', () => {
  const snapshot = (): Record<string, string> =>
    Object.fromEntries(
      readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]),
    );

  test('is left alone while all is good', async () => {
    await developmentTls(directory, { names, now });
    const before = snapshot();
    await developmentTls(directory, { names, now: new Date(now.getTime() + 334 * DAY_MS) });
    expect(snapshot()).toEqual(before);
  });

  test('within 30 days of expiry the server certificate is new and the authority is not', async () => {
    const files = await developmentTls(directory, { names, now });
    const before = snapshot();
    await developmentTls(directory, { names, now: new Date(now.getTime() + 336 * DAY_MS) });
    const after = snapshot();
    expect(after['ca.crt']).toBe(before['ca.crt']);
    expect(after['ca.key']).toBe(before['ca.key']);
    expect(after['server.key']).toBe(before['server.key']);
    expect(after['server.crt']).not.toBe(before['server.crt']);
    const expiry = Date.parse(certificate(files.certFile).validTo);
    expect(expiry).toBe(now.getTime() + (336 + 365) * DAY_MS);
  });

  test('a new name brings a new server certificate', async () => {
    await developmentTls(directory, { names, now });
    const files = await developmentTls(directory, { names: [...names, 'new.example', '2001:db8::5'], now });
    expect(certificate(files.certFile).checkHost('new.example')).toBe('new.example');
    expect(certificate(files.certFile).checkIP('2001:db8::5')).toBe('2001:db8::5');
  });

  test.each(['ca.crt', 'server.crt', 'server.key'])('a lost %s is made good', async (name) => {
    await developmentTls(directory, { names, now });
    rmSync(join(directory, name));
    const files = await developmentTls(directory, { names, now });
    const server = certificate(files.certFile);
    expect(server.verify(certificate(files.caFile).publicKey)).toBe(true);
    expect(server.checkPrivateKey(createPrivateKey(readFileSync(files.keyFile)))).toBe(true);
  });

  test('a certificate that is cut off is made anew', async () => {
    const files = await developmentTls(directory, { names, now });
    writeFileSync(files.certFile, readFileSync(files.certFile).subarray(0, 100));
    await developmentTls(directory, { names, now });
    expect(certificate(files.certFile).checkHost('localhost')).toBe('localhost');
  });

  test('a certificate that another authority signed is made anew', async () => {
    const files = await developmentTls(directory, { names, now });
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const text = issueCertificate({
      subject: 'x',
      issuer: 'patgate development CA',
      publicKey: createPublicKey(createPrivateKey(readFileSync(files.keyFile))),
      issuerKey: stranger.privateKey,
      notBefore: now,
      notAfter: new Date(now.getTime() + 400 * DAY_MS),
      use: { names },
    });
    writeFileSync(files.certFile, text);
    await developmentTls(directory, { names, now });
    expect(certificate(files.certFile).verify(certificate(files.caFile).publicKey)).toBe(true);
  });

  test('a key that is no key is an error that names the directory', async () => {
    writeFileSync(join(directory, 'ca.key'), 'nonsense');
    await expect(developmentTls(directory, { names, now })).rejects.toMatchObject({
      code: 'config.invalid',
      message: expect.stringContaining(directory) as string,
    });
  });
});
