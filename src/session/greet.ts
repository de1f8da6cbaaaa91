import { randomBytes } from 'node:crypto';
import { encodeBackend } from '../wire/backend.ts';

const AUTHENTICATION_OK = encodeBackend({ kind: 'authenticationOk' });
const READY_IDLE = encodeBackend({ kind: 'readyForQuery', status: 'I' });

/** The secret half of a cancel key: 4 bytes is all that protocol 3.0 can carry; 3.2 has room for one that cannot be guessed. */
export function newCancelSecret(minor: 0 | 2): Buffer {
  return randomBytes(minor === 2 ? 32 : 4);
}

/**
 * All that a client waits for after its proof, in the order in which drivers want it, as one write.
 * @param preface SASLFinal, or empty
 * @param engineGreeting ParameterStatus and NoticeResponse frames as the engine sent them
 * @param processId the engine's real one: tools compare it with pg_backend_pid()
 * @param notice a NoticeResponse of ours, or empty
 */
export function greeting(parts: {
  readonly preface: Buffer;
  readonly engineGreeting: Buffer;
  readonly processId: number;
  readonly cancelSecret: Buffer;
  readonly notice: Buffer;
}): Buffer {
  return Buffer.concat([
    parts.preface,
    AUTHENTICATION_OK,
    parts.engineGreeting,
    encodeBackend({ kind: 'backendKeyData', processId: parts.processId, key: parts.cancelSecret }),
    parts.notice,
    READY_IDLE,
  ]);
}
