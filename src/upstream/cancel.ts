import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { encodeFrontend } from '../wire/frontend.ts';
import type { Transport } from '../wire/transport.ts';
import { connect, type ConnectDeps } from './connect.ts';
import { deadline, reasonOf } from './deadline.ts';
import { tlsFailed, unreachable } from './engine-errors.ts';
import type { Physical } from './physical.ts';

export interface CancelDeps extends ConnectDeps {
  readonly clock: Clock;
  readonly log: Log;
}

export const CANCEL_TIMEOUT_MS = 5000;

/**
 * Sends a CancelRequest for what a session runs, to the server that runs it, and waits until the engine closes the
 * connection: it does so once the signal has been given.
 * @returns false when that could not be seen in time
 */
export async function cancelQuery(
  physical: Physical,
  deps: CancelDeps,
  timeoutMs = CANCEL_TIMEOUT_MS,
): Promise<boolean> {
  const { engine } = physical.request;
  const time = deadline(deps.clock, timeoutMs, () =>
    unreachable(engine.name, `a cancel request was not dealt with within ${timeoutMs} ms`),
  );
  try {
    await send(physical, deps, time.signal);
    return true;
  } catch (error) {
    deps.log.warn({ engine: engine.name, error: describeError(error) }, 'cancel request failed');
    return false;
  } finally {
    time.clear();
  }
}

async function send({ request, opened }: Physical, deps: CancelDeps, signal: AbortSignal): Promise<void> {
  const { engine } = request;
  const { processId, cancelKey, connection, target } = opened;
  const { transport } = await connect(engine, target, deps, signal, connection.peer);
  try {
    if (connection.transport.encrypted && !transport.encrypted) {
      throw tlsFailed(engine.name, 'no TLS for the cancel request of a session that has it');
    }
    transport.write(encodeFrontend({ kind: 'cancelRequest', processId, key: cancelKey }));
    await closed(transport, signal);
  } finally {
    transport.destroy();
  }
}

function closed(transport: Transport, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(reasonOf(signal));
    const done = (): void => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    };
    signal.addEventListener('abort', onAbort);
    transport.setSink({ data: () => false, end: done, drain: () => undefined, close: done });
    transport.resume();
  });
}
