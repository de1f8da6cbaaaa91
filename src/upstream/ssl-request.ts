import type { Socket } from 'node:net';
import { encodeFrontend } from '../wire/frontend.ts';
import { reasonOf } from './deadline.ts';
import type { Engine } from './engine.ts';
import { tlsFailed, unreachable } from './engine-errors.ts';

const WILLING = 0x53; // S
const UNWILLING = 0x4e; // N

/**
 * Sends SSLRequest and reads the answer, which is one byte.
 * @returns false when the engine has no TLS and sslmode `prefer` allows to go on without
 * @throws GatewayError engine.tls or engine.unreachable, or the signal's reason
 */
export async function requestTls(engine: Engine, socket: Socket, signal: AbortSignal): Promise<boolean> {
  const answer = await answerTo(engine, socket, signal);
  // CVE-2021-23222: what was sent before the handshake would later pass for bytes of the protected connection.
  if (answer.length !== 1) throw tlsFailed(engine.name, 'bytes came along with the answer to SSLRequest');
  if (answer[0] === WILLING) return true;
  if (answer[0] !== UNWILLING) {
    // An ErrorResponse in its place is not repeated (CVE-2024-10977): whoever sent it has not shown a certificate.
    throw tlsFailed(engine.name, 'the answer to SSLRequest is neither S nor N');
  }
  if (engine.sslMode === 'prefer') return false;
  throw tlsFailed(engine.name, `the engine has no TLS, and sslmode is ${engine.sslMode}`);
}

function answerTo(engine: Engine, socket: Socket, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      socket.off('data', onData).off('end', onEnd).off('error', onError).off('close', onEnd);
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    const onData = (chunk: Buffer): void => {
      socket.pause();
      settle(() => resolve(chunk));
    };
    const onEnd = (): void =>
      settle(() => reject(unreachable(engine.name, 'the connection ended after SSLRequest')));
    const onError = (error: Error): void =>
      settle(() => reject(unreachable(engine.name, error.message, error)));
    const onAbort = (): void => settle(() => reject(reasonOf(signal)));
    socket.on('data', onData).on('end', onEnd).on('error', onError).on('close', onEnd);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) {
      onAbort();
      return;
    }
    socket.write(encodeFrontend({ kind: 'sslRequest' }));
    socket.resume();
  });
}
