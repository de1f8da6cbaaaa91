import { RequestError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { passwordCredential, type EngineCredential } from './credential.ts';

/**
 * Reads a userlist: a line a role, `"role" "secret"`, with a double quote inside a field written twice; what follows on
 * the line is ignored, as are empty lines and those that begin with `;`. This is PgBouncer's auth_file.
 *
 * The secret is a password, `md5` and 32 hexadecimal digits (for engines that ask for MD5), or the SCRAM keys
 * `SCRAM-SHA-256-KEYS$<iterations>:<salt>$<ClientKey>:<ServerKey>` with base64 parts. The engine's own
 * `SCRAM-SHA-256$…` secret holds StoredKey = H(ClientKey), from which nobody can log in: it is refused.
 *
 * @param what names the file in errors, which repeat line numbers and never a field
 * @throws RequestError config.invalid
 */
export function parseUserlist(text: string, what: string): ReadonlyMap<string, EngineCredential> {
  const credentials = new Map<string, EngineCredential>();
  text.split(/\r?\n/).forEach((line, index) => {
    const at = `${what}, line ${index + 1}`;
    if (/^\s*(?:;.*)?$/.test(line)) return;
    const match = /^\s*"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"(?:\s.*)?$/.exec(line);
    if (match === null) throw new RequestError('config.invalid', `${at}: expected "role" "secret"`);
    const [role, secret] = match.slice(1).map((field) => field.replaceAll('""', '"'));
    if (role === undefined || secret === undefined || role === '')
      throw new RequestError('config.invalid', `${at}: the role is empty`);
    if (credentials.has(role)) throw new RequestError('config.invalid', `${at}: the role is listed twice`);
    credentials.set(role, parseSecret(secret, at));
  });
  return credentials;
}

function parseSecret(secret: string, at: string): EngineCredential {
  if (/^md5[0-9a-f]{32}$/.test(secret)) return { kind: 'md5', hash: new Secret(secret) };
  if (secret.startsWith('SCRAM-SHA-256-KEYS$')) return parseScramKeys(secret, at);
  if (secret.startsWith('SCRAM-SHA-256$')) {
    throw new RequestError(
      'config.invalid',
      `${at}: a SCRAM-SHA-256$ secret holds StoredKey, which can not log in; give SCRAM-SHA-256-KEYS$ or the password`,
    );
  }
  return secret === '' ? { kind: 'none' } : passwordCredential(new Secret(secret));
}

const KEY_LENGTH = 32;

function parseScramKeys(secret: string, at: string): EngineCredential {
  const match =
    /^SCRAM-SHA-256-KEYS\$([1-9]\d{0,6}):([A-Za-z0-9+/]+=*)\$([A-Za-z0-9+/]+=*):([A-Za-z0-9+/]+=*)$/.exec(
      secret,
    );
  const [, iterations = '', ...parts] = match ?? [];
  const [salt, clientKey, serverKey] = parts.map((part) => Buffer.from(part, 'base64'));
  if (salt === undefined || clientKey?.length !== KEY_LENGTH || serverKey?.length !== KEY_LENGTH) {
    throw new RequestError(
      'config.invalid',
      `${at}: expected SCRAM-SHA-256-KEYS$<iterations>:<salt>$<ClientKey>:<ServerKey>, keys of 32 bytes in base64`,
    );
  }
  return { kind: 'scram', keys: { salt, iterations: Number(iterations), clientKey, serverKey } };
}
