import { createHash } from 'node:crypto';
import type { Secret } from '../core/secret.ts';
import { failed, lacking, send, unexpected, type Authentication } from './authentication.ts';
import { answerSasl } from './sasl.ts';

/**
 * Answers the engine's authentication request, up to and including AuthenticationOk.
 * @throws GatewayError, EngineRefused
 */
export async function authenticate(authentication: Authentication): Promise<void> {
  const { engine, reader } = authentication;
  const request = await reader.next();
  if (engine.channelBinding === 'require' && request.kind !== 'authenticationSASL') {
    throw failed(
      authentication,
      'engine.unsupported_authentication',
      'channel_binding=require, and no SCRAM asked for',
    );
  }
  switch (request.kind) {
    case 'authenticationOk':
      return;
    case 'authenticationCleartextPassword':
      send(authentication, { kind: 'password', password: cleartext(authentication) });
      break;
    case 'authenticationMD5Password':
      send(authentication, { kind: 'password', password: md5Answer(authentication, request.salt) });
      break;
    case 'authenticationSASL':
      await answerSasl(authentication, request.mechanisms);
      break;
    default:
      throw unexpected(authentication, request);
  }
  const verdict = await reader.next();
  if (verdict.kind !== 'authenticationOk') throw unexpected(authentication, verdict);
}

function cleartext(authentication: Authentication): Secret {
  refuseIfOverheard(authentication, 'a cleartext password');
  const { credential } = authentication;
  if (credential.kind === 'password') return credential.password;
  throw lacking(authentication, 'a password');
}

/** pg_md5_encrypt() of src/common/md5_common.c, twice. */
function md5Answer(authentication: Authentication, salt: Buffer): Buffer {
  refuseIfOverheard(authentication, 'an MD5 password');
  const { credential, role } = authentication;
  if (credential.kind !== 'password' && credential.kind !== 'md5') {
    throw lacking(authentication, 'a password or its MD5');
  }
  const inner =
    credential.kind === 'md5'
      ? credential.hash.reveal().slice('md5'.length)
      : md5(Buffer.from(credential.password.reveal() + role));
  return Buffer.from(`md5${md5(Buffer.concat([Buffer.from(inner), salt]))}`);
}

function md5(data: Buffer): string {
  return createHash('md5').update(data).digest('hex');
}

/** Whoever listens on the wire, or answers in the engine's place, would learn the password or could guess it offline. */
function refuseIfOverheard(authentication: Authentication, what: string): void {
  const { connection, engine } = authentication;
  if (connection.transport.encrypted || connection.local || engine.insecurePasswords) return;
  throw failed(
    authentication,
    'engine.unsupported_authentication',
    `it asks for ${what} on an unencrypted connection to another machine`,
  );
}
