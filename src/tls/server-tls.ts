import { constants, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, DEFAULT_CIPHERS, type SecureContext } from 'node:tls';

import { describeError } from '../core/errors.ts';
import { endPointHash } from './end-point-hash.ts';
import { keyGroups, type KeyGroup } from './groups.ts';
import { invalidTls } from './invalid.ts';

export interface TlsFiles {
  /** PEM: the server's certificate first, then its intermediates. */
  readonly certFile: string;
  /** PEM, not encrypted. */
  readonly keyFile: string;
}

/** What the server shows of itself in a handshake, as loaded at one time. */
export interface TlsIdentity {
  readonly context: SecureContext;
  readonly certificate: X509Certificate;
  /** Channel binding data of the certificate; null when none is defined for it. */
  readonly endPointHash: Buffer | null;
  /** Those that the context agrees on keys with, by their numbers. */
  readonly groups: readonly number[];
}

/**
 * The TLS identity of the PostgreSQL listener. Connections take the current one when they shake hands, so a reload changes
 * nothing for those that are open. Session tickets are sealed with a key of the context: a client can resume only while
 * the certificate is the same, and so channel binding always means the certificate that was loaded last.
 */
export interface ServerTls {
  current(): TlsIdentity;
  /**
   * Reads the files again, or other ones. Nothing changes before the answer is called, and nothing when this fails.
   * @throws GatewayError `config.invalid`
   */
  prepare(files?: TlsFiles): Promise<() => void>;
  /** The same in one step. */
  reload(): Promise<void>;
}

/** @throws GatewayError `config.invalid` that names the file and what is wrong with it */
export async function loadServerTls(files: TlsFiles): Promise<ServerTls> {
  let identity = await loadIdentity(files);
  const prepare = async (others = files): Promise<() => void> => {
    const next = await loadIdentity(others);
    return () => {
      identity = next;
      files = others;
    };
  };
  return {
    current: () => identity,
    prepare,
    async reload() {
      (await prepare())();
    },
  };
}

async function loadIdentity({ certFile, keyFile }: TlsFiles): Promise<TlsIdentity> {
  const cert = await readPem('tls.cert_file', certFile);
  const key = await readPem('tls.key_file', keyFile);
  const certificate = parseCertificate(certFile, cert);
  const privateKey = parseKey(keyFile, key);
  if (!certificate.checkPrivateKey(privateKey)) {
    throw invalidTls(`tls.key_file ${keyFile} is not the key of tls.cert_file ${certFile}`);
  }
  const groups = keyGroups();
  try {
    const context = secureContext(cert, key, groups);
    const ids = groups.map(({ id }) => id);
    return { context, certificate, endPointHash: endPointHash(certificate.raw), groups: ids };
  } catch (error) {
    throw invalidTls(`tls.cert_file ${certFile} cannot be used: ${describeError(error)}`, error);
  }
}

function secureContext(cert: string, key: string, groups: readonly KeyGroup[]): SecureContext {
  return createSecureContext({
    cert,
    key,
    minVersion: 'TLSv1.2',
    // Without those that encrypt a key for the certificate's (RFC 9325, section 4.1): who has that key reads what was recorded
    // before, and a server has to decrypt whatever it is sent after the hello.
    ciphers: `${DEFAULT_CIPHERS}:!kRSA`,
    honorCipherOrder: true,
    // Said, since the defaults of OpenSSL are others in each version, and from 3.5 on ask a client again for a better group.
    ecdhCurve: groups.map(({ name }) => name).join(':'),
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  });
}

async function readPem(setting: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw invalidTls(`${setting} ${file} cannot be read: ${describeError(error)}`, error);
  }
}

function parseCertificate(file: string, text: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (error) {
    throw invalidTls(`tls.cert_file ${file} holds no PEM certificate: ${describeError(error)}`, error);
  }
}

function parseKey(file: string, text: string): KeyObject {
  if (text.includes('ENCRYPTED')) {
    throw invalidTls(`tls.key_file ${file} is encrypted; patgate cannot ask for a passphrase`);
  }
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw invalidTls(`tls.key_file ${file} holds no PEM private key: ${describeError(error)}`, error);
  }
}
