import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';

import { describeError } from '../core/errors.ts';
import { DAY_MS } from '../core/duration.ts';
import { issueCertificate } from './certificate.ts';
import { invalidTls } from './invalid.ts';
import type { TlsFiles } from './server-tls.ts';

/** Where a development certificate lies, and the authority to trust for it. */
export interface DevelopmentTls extends TlsFiles {
  readonly caFile: string;
}

export interface DevelopmentOptions {
  /** Host names and addresses that clients may connect to; see `developmentNames`. */
  readonly names: readonly string[];
  readonly now: Date;
}

const AUTHORITY = 'patgate development CA';
const SERVER = 'patgate development server';
const AUTHORITY_DAYS = 3650;
const SERVER_DAYS = 365;
/** A certificate is made anew when it would expire within this time. */
const RENEW_DAYS = 30;

/** Listening there means listening on every address. */
const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/**
 * `localhost`, its addresses, and this machine's name.
 * @param more where clients are told to connect
 */
export function developmentNames(more: readonly string[] = []): string[] {
  const machine = hostname().toLowerCase();
  const names = ['localhost', '127.0.0.1', '::1', machine, ...more.filter((name) => !ANY_ADDRESS.has(name))];
  return [...new Set(names)].filter((name) => isIP(name) !== 0 || isHostName(name));
}

/**
 * Makes sure that a directory holds a certificate authority and a server certificate signed by it, good for the next 30
 * days; what is there and good stays. Keys are made once, so that processes which start together agree, and a certificate
 * that is replaced never meets another's key.
 * @throws GatewayError `config.invalid` when the directory cannot be used
 */
export async function developmentTls(
  directory: string,
  options: DevelopmentOptions,
): Promise<DevelopmentTls> {
  const files = {
    caFile: join(directory, 'ca.crt'),
    certFile: join(directory, 'server.crt'),
    keyFile: join(directory, 'server.key'),
  };
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const authorityKey = await keepKey(join(directory, 'ca.key'));
    const authority = await keepAuthority(files.caFile, authorityKey, options.now);
    const serverKey = await keepKey(files.keyFile);
    await keepServer(files.certFile, { authority, authorityKey, serverKey }, options);
  } catch (error) {
    throw invalidTls(`cannot keep development certificates in ${directory}: ${describeError(error)}`, error);
  }
  return files;
}

async function keepAuthority(file: string, key: KeyObject, now: Date): Promise<X509Certificate> {
  const present = await readCertificate(file);
  if (present?.ca === true && present.checkPrivateKey(key) && isFresh(present, now)) return present;
  const text = issueCertificate({
    subject: AUTHORITY,
    issuer: AUTHORITY,
    publicKey: createPublicKey(key),
    issuerKey: key,
    use: 'authority',
    ...validity(now, AUTHORITY_DAYS),
  });
  await replaceFile(file, text, 0o644);
  return new X509Certificate(text);
}

interface Keys {
  readonly authority: X509Certificate;
  readonly authorityKey: KeyObject;
  readonly serverKey: KeyObject;
}

async function keepServer(file: string, keys: Keys, { names, now }: DevelopmentOptions): Promise<void> {
  const present = await readCertificate(file);
  const good =
    present?.checkPrivateKey(keys.serverKey) === true &&
    present.checkIssued(keys.authority) &&
    present.verify(keys.authority.publicKey) &&
    isFresh(present, now) &&
    names.every((name) => covers(present, name));
  if (good) return;
  const text = issueCertificate({
    subject: SERVER,
    issuer: AUTHORITY,
    publicKey: createPublicKey(keys.serverKey),
    issuerKey: keys.authorityKey,
    use: { names },
    ...validity(now, SERVER_DAYS),
  });
  await replaceFile(file, text, 0o644);
}

function covers(certificate: X509Certificate, name: string): boolean {
  return (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;
}

function isFresh(certificate: X509Certificate, now: Date): boolean {
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  return from <= now.getTime() && now.getTime() + RENEW_DAYS * DAY_MS < to;
}

/** Begins a day early, for clients whose clock is behind. */
function validity(now: Date, days: number): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
  };
}

/** Reads a key, or makes it; of several processes that make it at once, one wins and all use its key. */
async function keepKey(file: string): Promise<KeyObject> {
  const present = await readText(file);
  if (present !== null) return createPrivateKey(present);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const temporary = `${file}.${randomUUID()}`;
  await writeFile(temporary, privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
    flag: 'wx',
  });
  try {
    await link(temporary, file);
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  return createPrivateKey(await readFile(file, 'utf8'));
}

/** A file is either the old one or the new one, never half of one. */
async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  await writeFile(temporary, text, { mode, flag: 'wx' });
  await rename(temporary, file);
}

/** @returns null when there is none, or it is no certificate: it will be made anew */
async function readCertificate(file: string): Promise<X509Certificate | null> {
  const text = await readText(file);
  if (text === null) return null;
  try {
    return new X509Certificate(text);
  } catch {
    return null;
  }
}

async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function isHostName(name: string): boolean {
  return (
    name.length <= 253 && /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/.test(name)
  );
}
