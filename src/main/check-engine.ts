import type { TLSSocket } from 'node:tls';
import { systemClock } from '../core/clock.ts';
import { connectSocket } from '../session/transport-connect.ts';
import { createTransports } from '../session/transports.ts';
import type { Target } from '../upstream/connection-url.ts';
import { connect } from '../upstream/connect.ts';
import type { Dial } from '../upstream/dial.ts';
import { loadEngine, type Engine, type EngineOptions } from '../upstream/engine.ts';
import { TlsSessions } from '../upstream/engine-tls.ts';
import { openFresh, type OpenDeps } from '../upstream/open-fresh.ts';

/**
 * Reads an engine's files and logs in there once, as its own user; without one, it only connects.
 * @returns what was found, for people
 * @throws RequestError config.invalid; GatewayError engine.*
 */
export async function checkEngine(options: EngineOptions): Promise<string> {
  const engine = await loadEngine(options);
  const encrypted = new Set<TLSSocket>();
  const dial = makeDial(encrypted);
  const lastGood = new WeakMap<Engine, Target>();
  const deps = { dial, tlsSessions: new TlsSessions(), clock: systemClock, lastGood };
  const found = await visit(engine, deps);
  return `${found}, ${encrypted.size > 0 ? 'over TLS' : 'without TLS'}`;
}

async function visit(engine: Engine, deps: OpenDeps): Promise<string> {
  const signal = AbortSignal.timeout(engine.connectTimeoutMs);
  const [firstTarget] = engine.targets;
  if (engine.serviceRole === null && firstTarget !== undefined) {
    const { transport } = await connect(engine, firstTarget, deps, signal);
    transport.destroy();
    return 'reachable; each role logs in with a credential of its own';
  }
  const role = engine.serviceRole ?? '';
  const request = { engine, role, database: engine.database, parameters: [] };
  const { connection, reported } = await openFresh(request, deps, signal);
  connection.transport.destroy();
  return `PostgreSQL ${reported.get('server_version') ?? 'of unknown version'}, logged in as ${role}`;
}

/** @param encrypted receives the sockets that TLS is spoken on */
function makeDial(encrypted: Set<TLSSocket>): Dial {
  const transports = createTransports();
  return {
    socket: connectSocket,
    plain: (socket) => transports.plain(socket),
    tls(socket) {
      encrypted.add(socket);
      return transports.tls(socket);
    },
  };
}
