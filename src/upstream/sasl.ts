import {
  chooseMechanism,
  startClientExchange,
  type ClientMechanism,
  type KeySource,
} from '../scram/client-exchange.ts';
import { ScramError } from '../scram/errors.ts';
import { failed, lacking, send, unexpected, type Authentication } from './authentication.ts';
import { sameParameters } from './credential.ts';
import type { LoginFailure } from './engine-errors.ts';

/**
 * SCRAM with the engine, up to and including its signature; AuthenticationOk is left to the caller.
 * @param offered mechanisms of AuthenticationSASL
 * @throws GatewayError engine.server_signature when the engine does not prove that it knows the role's secret
 */
export async function answerSasl(authentication: Authentication, offered: readonly string[]): Promise<void> {
  const { reader } = authentication;
  const mechanism = choose(authentication, offered);
  const keys = keySource(authentication);
  const exchange = startClientExchange(mechanism);
  send(authentication, {
    kind: 'saslInitialResponse',
    mechanism: mechanism.mechanism,
    data: exchange.message,
  });
  const challenge = await reader.next();
  if (challenge.kind !== 'authenticationSASLContinue') throw skipped(authentication, challenge);
  const final = await scramStep(authentication, () => exchange.answer(challenge.data, keys));
  send(authentication, { kind: 'saslResponse', data: final.message });
  const signature = await reader.next();
  if (signature.kind !== 'authenticationSASLFinal') throw skipped(authentication, signature);
  await scramStep(authentication, () => final.finish(signature.data));
}

function choose(authentication: Authentication, offered: readonly string[]): ClientMechanism {
  const { engine, connection } = authentication;
  const binding = engine.channelBinding === 'disable' ? null : connection.endPointHash;
  const mechanism = chooseMechanism(offered, binding);
  if (mechanism === null) {
    const names = offered.map((name) => JSON.stringify(name)).join(', ');
    throw failed(
      authentication,
      'engine.unsupported_authentication',
      `it offers the SASL mechanisms ${names}`,
    );
  }
  if (engine.channelBinding === 'require' && mechanism.mechanism !== 'SCRAM-SHA-256-PLUS') {
    throw failed(
      authentication,
      'engine.unsupported_authentication',
      'channel_binding=require can not be met',
    );
  }
  return mechanism;
}

function keySource(authentication: Authentication): KeySource {
  const { credential } = authentication;
  switch (credential.kind) {
    case 'password':
      return (parameters) => credential.scramKeys(parameters);
    case 'scram':
      return (parameters) => {
        if (sameParameters(credential.keys, parameters)) return credential.keys;
        // Salt and keys change with each ALTER ROLE … PASSWORD, even when the password stays.
        throw failed(
          authentication,
          'engine.credential_rejected',
          'its SCRAM secret is not the one of the userlist',
        );
      };
    default:
      throw lacking(authentication, 'SCRAM-SHA-256');
  }
}

/** AuthenticationOk in the place of a proof is what an impostor would send. */
function skipped(authentication: Authentication, message: Parameters<typeof unexpected>[1]): Error {
  return message.kind === 'authenticationOk'
    ? failed(
        authentication,
        'engine.server_signature',
        'it ended SCRAM without proving that it knows the secret',
      )
    : unexpected(authentication, message);
}

async function scramStep<T>(authentication: Authentication, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof ScramError)) throw error;
    throw failed(authentication, FAILURES[error.failure] ?? 'engine.server_signature', error.message, error);
  }
}

const FAILURES: Partial<Record<ScramError['failure'], LoginFailure>> = {
  server_error: 'engine.credential_rejected',
  too_many_iterations: 'engine.unsupported_authentication',
  unsupported: 'engine.unsupported_authentication',
};
