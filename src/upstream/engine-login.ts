import { encodeFrontend } from '../wire/frontend.ts';
import type { StartupParameter } from '../wire/startup.ts';
import { authenticate } from './authenticate.ts';
import type { Connection } from './connect.ts';
import type { Engine } from './engine.ts';
import { EngineRefused, loginFailed } from './engine-errors.ts';
import { EngineReader } from './engine-reader.ts';
import { Greeting } from './greeting.ts';

/** What a session is asked for with. */
export interface SessionRequest {
  readonly engine: Engine;
  readonly role: string;
  readonly database: string;
  /** The client's, verbatim. */
  readonly parameters: readonly StartupParameter[];
}

/** What the engine said up to its first ReadyForQuery. */
export interface LoggedIn {
  readonly greeting: Greeting;
  /** Parameters by name, with the values reported last. */
  readonly reported: ReadonlyMap<string, string>;
  readonly processId: number;
  /** Empty when the engine sent no BackendKeyData, as some poolers do not. */
  readonly cancelKey: Buffer;
  readonly leftover: Buffer;
}

/**
 * Start-up packet, authentication, and everything up to ReadyForQuery. Protocol 3.0: what 3.2 adds, longer cancel keys, is
 * between the engine and the gateway only, and 3.0 is what every engine speaks.
 * @throws GatewayError; EngineRefused for what the client is to see
 */
export async function logIn(
  request: SessionRequest,
  connection: Connection,
  signal: AbortSignal,
): Promise<LoggedIn> {
  const { engine, role, database, parameters } = request;
  const reader = new EngineReader(engine.name, connection.transport, signal);
  connection.transport.write(encodeFrontend({ kind: 'startup', minor: 0, user: role, database, parameters }));
  try {
    const credential = engine.credentialFor(role);
    await authenticate({ engine, role, credential, connection, reader });
    return await untilReady(reader);
  } catch (error) {
    throw ourFault(error, request);
  }
}

async function untilReady(reader: EngineReader): Promise<LoggedIn> {
  const reported = new Map<string, string>();
  let processId = 0;
  let cancelKey: Buffer = Buffer.alloc(0);
  for (;;) {
    const message = await reader.next();
    switch (message.kind) {
      case 'parameterStatus':
        reported.set(message.name, message.value);
        break;
      case 'backendKeyData':
        processId = message.processId;
        cancelKey = message.key;
        break;
      case 'readyForQuery':
        if (message.status !== 'I') throw reader.malformed('a new session inside a transaction');
        return {
          greeting: new Greeting(reader.greeting),
          reported,
          processId,
          cancelKey,
          leftover: reader.release(),
        };
      default:
        throw reader.malformed(`${message.kind} after AuthenticationOk`);
    }
  }
}

/** invalid_authorization_specification and invalid_password: about the gateway's credential, not the client's. */
const OUR_FAULTS: ReadonlySet<string> = new Set(['28000', '28P01']);

function ourFault(error: unknown, { engine, role }: SessionRequest): unknown {
  if (!(error instanceof EngineRefused) || !OUR_FAULTS.has(error.sqlState)) return error;
  return loginFailed(
    'engine.credential_rejected',
    { engine: engine.name, role },
    error.client.message,
    error,
  );
}
