import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { SessionAttributes, Target } from './connection-url.ts';
import { connect, type ConnectDeps, type Connection } from './connect.ts';
import { deadline, reasonOf } from './deadline.ts';
import type { Engine } from './engine.ts';
import { EngineRefused, unreachable } from './engine-errors.ts';
import { logIn, type LoggedIn, type SessionRequest } from './engine-login.ts';

export interface OpenDeps extends ConnectDeps {
  readonly clock: Clock;
  /** Which of an engine's servers answered last. */
  readonly lastGood: WeakMap<Engine, Target>;
}

/** A session that nobody has used yet. */
export interface Opened extends LoggedIn {
  readonly connection: Connection;
  /** As configured: with it the certificate is compared. */
  readonly target: Target;
}

/**
 * Opens a session on the first of the engine's servers that will have it, beginning with the one that answered last.
 * @throws GatewayError of the last server tried, or the signal's reason
 */
export async function openFresh(
  request: SessionRequest,
  deps: OpenDeps,
  signal: AbortSignal,
): Promise<Opened> {
  const { engine } = request;
  let last: unknown = unreachable(engine.name, 'no server is configured');
  for (const target of inOrder(engine, deps.lastGood.get(engine))) {
    try {
      const opened = await openOn(target, request, deps, signal);
      deps.lastGood.set(engine, target);
      return opened;
    } catch (error) {
      if (signal.aborted) throw reasonOf(signal);
      if (!anotherMayDo(error)) throw error;
      last = error;
    }
  }
  throw last;
}

function inOrder({ targets }: Engine, first: Target | undefined): readonly Target[] {
  return first === undefined ? targets : [first, ...targets.filter((target) => target !== first)];
}

async function openOn(
  target: Target,
  request: SessionRequest,
  deps: OpenDeps,
  outer: AbortSignal,
): Promise<Opened> {
  const { engine } = request;
  const limit = engine.connectTimeoutMs;
  const time = deadline(
    deps.clock,
    limit,
    () => unreachable(engine.name, `no session within ${limit} ms`),
    outer,
  );
  try {
    const connection = await connect(engine, target, deps, time.signal);
    try {
      const loggedIn = await logIn(request, connection, time.signal);
      checkAttributes(engine, loggedIn.reported);
      return { connection, target, ...loggedIn };
    } catch (error) {
      connection.transport.destroy();
      throw error;
    }
  } finally {
    time.clear();
  }
}

/** Starting up, shutting down, or a standby that does not take connections. */
const CANNOT_CONNECT_NOW = '57P03';

function anotherMayDo(error: unknown): boolean {
  if (error instanceof EngineRefused) return error.sqlState === CANNOT_CONNECT_NOW;
  return (
    error instanceof GatewayError && (error.code === 'engine.unreachable' || error.code === 'engine.tls')
  );
}

/** As libpq's target_session_attrs, from what PostgreSQL 14 and newer report about themselves. */
function checkAttributes(engine: Engine, reported: ReadonlyMap<string, string>): void {
  const standby = reported.get('in_hot_standby') === 'on';
  const readOnly = standby || reported.get('default_transaction_read_only') === 'on';
  const fits: Record<SessionAttributes, boolean> = {
    any: true,
    primary: !standby,
    standby,
    'read-write': !readOnly,
    'read-only': readOnly,
  };
  if (!fits[engine.sessionAttributes])
    throw unreachable(engine.name, `the server is not ${engine.sessionAttributes}`);
}
