import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { describeError, RequestError } from '../core/errors.ts';
import type { EngineCredential } from './credential.ts';
import { parseUserlist } from './userlist.ts';

export interface FilePaths {
  /** `system`: the roots that come with Node. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly passwords: string | null;
}

/** What an engine's files hold. */
export interface EngineFiles {
  /** With the client certificate, and the roots if there are any. */
  readonly tls: SecureContext;
  readonly passwords: ReadonlyMap<string, EngineCredential>;
}

/**
 * @param what begins every error message
 * @throws RequestError config.invalid for a file that is missing or does not hold what it should
 */
export async function loadEngineFiles(paths: FilePaths, what: string): Promise<EngineFiles> {
  if ((paths.cert === null) !== (paths.key === null)) {
    throw new RequestError('config.invalid', `${what}: cert_file and key_file go together`);
  }
  const [ca, cert, key, passwords] = await Promise.all([
    // a context without roots of its own takes those that come with Node
    readText(paths.ca === 'system' ? null : paths.ca, `${what}: ca_file`),
    readText(paths.cert, `${what}: cert_file`),
    readText(paths.key, `${what}: key_file`),
    readText(paths.passwords, `${what}: passwords_file`),
  ]);
  return {
    tls: secureContext({ ca, cert, key }, what),
    passwords: passwords === null ? new Map() : parseUserlist(passwords, `${what}: passwords_file`),
  };
}

async function readText(path: string | null, what: string): Promise<string | null> {
  if (path === null) return null;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new RequestError('config.invalid', `${what}: ${describeError(error)}`, { cause: error });
  }
}

interface Pem {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

function secureContext({ ca, cert, key }: Pem, what: string): SecureContext {
  // OpenSSL's own messages ("no start line") do not say which of the files is meant.
  checked(`${what}: ca_file`, () => ca !== null && new X509Certificate(ca));
  checked(`${what}: cert_file`, () => cert !== null && new X509Certificate(cert));
  checked(`${what}: key_file`, () => key !== null && createPrivateKey(key));
  return checked(`${what}: cert_file and key_file`, () =>
    createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca === null ? {} : { ca }),
      ...(cert === null || key === null ? {} : { cert, key }),
    }),
  );
}

function checked<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new RequestError('config.invalid', `${what}: ${describeError(error)}`, { cause: error });
  }
}
