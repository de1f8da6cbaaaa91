import { encodeFrontend, type FrontendMessage } from '../wire/frontend.ts';
import type { Connection } from './connect.ts';
import type { EngineCredential } from './credential.ts';
import type { Engine } from './engine.ts';
import { loginFailed, type LoginFailure } from './engine-errors.ts';
import type { EngineReader, LoginMessage } from './engine-reader.ts';

/** Everything that answering an engine's authentication request takes. */
export interface Authentication {
  readonly engine: Engine;
  readonly role: string;
  readonly credential: EngineCredential;
  readonly connection: Connection;
  readonly reader: EngineReader;
}

export function send({ connection }: Authentication, message: FrontendMessage): void {
  connection.transport.write(encodeFrontend(message));
}

export function failed(
  { engine, role }: Authentication,
  code: LoginFailure,
  why: string,
  cause?: unknown,
): Error {
  return loginFailed(code, { engine: engine.name, role }, why, cause);
}

export function unexpected(authentication: Authentication, message: LoginMessage): Error {
  if (message.kind === 'authenticationOther') {
    return failed(
      authentication,
      'engine.unsupported_authentication',
      `it asks for authentication method ${message.request} (${METHOD_NAMES.get(message.request) ?? 'unknown'})`,
    );
  }
  return authentication.reader.malformed(`${message.kind} out of turn during authentication`);
}

/** src/include/libpq/protocol.h AUTH_REQ_* */
const METHOD_NAMES: ReadonlyMap<number, string> = new Map([
  [2, 'Kerberos V5'],
  [7, 'GSSAPI'],
  [9, 'SSPI'],
]);

export function lacking(authentication: Authentication, what: string): Error {
  const has = { none: 'none', password: 'a password', md5: 'an MD5', scram: 'SCRAM keys' };
  return failed(
    authentication,
    'engine.credential_rejected',
    `it asks for ${what}; the credential for this role is ${has[authentication.credential.kind]}`,
  );
}
