import { RequestError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import {
  parseConnectionUrl,
  type ChannelBinding,
  type ConnectionUrl,
  type SessionAttributes,
  type SslMode,
  type Target,
} from './connection-url.ts';
import { passwordCredential, type EngineCredential } from './credential.ts';
import { loadEngineFiles, type EngineFiles, type FilePaths } from './engine-files.ts';

/** `service`: every session as the URL's user. `role`: each session as the engine role of its principal. */
export type EngineIdentity = 'service' | 'role';

/** One engine, as an operator describes it. */
export interface EngineOptions {
  readonly name: string;
  readonly url: Secret;
  readonly identity: EngineIdentity;
  /** Roots to verify the engine's certificate with; before the URL's sslrootcert. */
  readonly caFile?: string | null;
  /** Client certificate and its key; before the URL's sslcert and sslkey. */
  readonly certFile?: string | null;
  readonly keyFile?: string | null;
  /** A userlist, see parseUserlist. */
  readonly passwordsFile?: string | null;
  /** Whether cleartext and MD5 may be answered on an unencrypted connection to another machine. */
  readonly insecurePasswords?: boolean;
  /** For each server: connection, TLS and login together. The URL's connect_timeout goes before it. */
  readonly connectTimeoutMs?: number;
  /** How long a silent engine is trusted before the kernel asks whether it is still there; 60,000 when left out. */
  readonly keepAliveMs?: number;
}

export const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
/** So that an engine that vanished is noticed before the client's own patience ends. */
const DEFAULT_KEEP_ALIVE_MS = 60_000;

/** An engine with its files read; immutable: a reload makes another one. */
export interface Engine {
  readonly name: string;
  /** Tried in this order. */
  readonly targets: readonly Target[];
  /** Where sessions go that name no database and whose principal has no default. */
  readonly database: string;
  readonly identity: EngineIdentity;
  /** The URL's user; null only with identity `role`. */
  readonly serviceRole: string | null;
  readonly sslMode: SslMode;
  readonly directTls: boolean;
  readonly files: EngineFiles;
  readonly channelBinding: ChannelBinding;
  readonly sessionAttributes: SessionAttributes;
  readonly insecurePasswords: boolean;
  /** For each server: connection, TLS and login together. */
  readonly connectTimeoutMs: number;
  readonly keepAliveMs: number;
  credentialFor(role: string): EngineCredential;
}

/**
 * Reads an engine's URL and files.
 * @throws RequestError config.invalid, naming the engine and the setting
 */
export async function loadEngine(options: EngineOptions): Promise<Engine> {
  const url = parseConnectionUrl(options.url, `engine "${options.name}": url`);
  const paths = filePaths(options, url);
  checkIdentity(options, url);
  const sslMode = chooseSslMode(options, url, paths);
  const files = await loadEngineFiles(paths, `engine "${options.name}"`);
  return {
    name: options.name,
    targets: url.targets,
    database: url.database ?? url.user ?? 'postgres',
    identity: options.identity,
    serviceRole: url.user,
    sslMode,
    directTls: url.directTls,
    files,
    channelBinding: url.channelBinding,
    sessionAttributes: url.sessionAttributes,
    insecurePasswords: options.insecurePasswords ?? false,
    connectTimeoutMs: url.connectTimeoutMs ?? options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    keepAliveMs: options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS,
    credentialFor: credentials(url, files),
  };
}

function filePaths(options: EngineOptions, url: ConnectionUrl): FilePaths {
  return {
    ca: options.caFile ?? url.sslRootCert,
    cert: options.certFile ?? url.sslCert,
    key: options.keyFile ?? url.sslKey,
    passwords: options.passwordsFile ?? null,
  };
}

function checkIdentity({ name, identity }: EngineOptions, url: ConnectionUrl): void {
  if (identity === 'service' && url.user === null)
    throw invalid(name, 'identity "service" needs a user in url');
}

/** verify-full where there is something to verify with. `system` roots would vouch for anybody under a laxer mode. */
function chooseSslMode({ name }: EngineOptions, url: ConnectionUrl, { ca }: FilePaths): SslMode {
  if (ca === 'system' && url.sslMode !== null && url.sslMode !== 'verify-full') {
    throw invalid(name, `sslmode "${url.sslMode}" is too weak for sslrootcert=system; use verify-full`);
  }
  const mode = url.sslMode ?? (ca === null ? 'prefer' : 'verify-full');
  if (mode.startsWith('verify') && ca === null) {
    throw invalid(name, `sslmode "${mode}" needs ca_file, or sslrootcert in url (system: Node's own roots)`);
  }
  if (url.directTls && (mode === 'disable' || mode === 'prefer')) {
    throw invalid(name, 'sslnegotiation=direct needs sslmode=require or stronger');
  }
  // libpq: root certificates that are there are used, so that "require" with a CA is more than it says.
  return mode === 'require' && ca !== null ? 'verify-ca' : mode;
}

/** The URL's password is its user's alone; the userlist is asked for everybody else, and for a user without one. */
function credentials(url: ConnectionUrl, files: EngineFiles): (role: string) => EngineCredential {
  const own = url.password === null ? null : passwordCredential(url.password);
  return (role) => (role === url.user ? own : null) ?? files.passwords.get(role) ?? { kind: 'none' };
}

function invalid(name: string, problem: string): RequestError {
  return new RequestError('config.invalid', `engine "${name}": ${problem}`);
}
