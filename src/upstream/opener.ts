import type { EngineCounters } from './engine-counters.ts';
import { EngineRefused } from './engine-errors.ts';
import type { SessionRequest } from './engine-login.ts';
import type { Greetings } from './greeting.ts';
import { openFresh, type OpenDeps, type Opened } from './open-fresh.ts';
import type { Physical } from './physical.ts';

export interface OpenerDeps extends OpenDeps {
  readonly greetings: Greetings;
  readonly counters: EngineCounters;
  /** Gives up one idle session of an engine. @returns false when there is none; else once it is closed */
  readonly makeRoom: (engine: string) => Promise<boolean>;
}

/** For whom a session is opened, and which later sessions it may serve. */
export interface Ownership {
  readonly uid: string;
  readonly poolKey: string | null;
}

const TOO_MANY_CONNECTIONS = '53300';
/** Others want the room that is made as well: after so many times it is for the client to come again. */
const MOST_EVICTIONS = 3;

/**
 * Opens an engine session. Where the engine has no connections left, idle ones give way: they are kept for speed only.
 * @throws as openFresh
 */
export async function openPhysical(
  request: SessionRequest,
  ownership: Ownership,
  deps: OpenerDeps,
  signal: AbortSignal,
): Promise<Physical> {
  try {
    const opened = await openWithRoom(request, deps, signal);
    deps.counters.add(request.engine.name, 'opened');
    const { connection, target, processId, cancelKey, leftover } = opened;
    return {
      uid: ownership.uid,
      poolKey: ownership.poolKey,
      request,
      opened: { connection, target, processId, cancelKey: ofItsOwn(cancelKey), leftover },
      transport: connection.transport,
      openedAtMs: deps.clock.monotonicMs(),
      greeting: deps.greetings.same(request.engine, opened.greeting),
      cancels: new Set(),
      cancelled: false,
    };
  } catch (error) {
    deps.counters.add(request.engine.name, 'failed');
    throw error;
  }
}

/** A piece of the memory that small buffers share would keep all of it for as long as the session lasts. */
function ofItsOwn(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}

async function openWithRoom(request: SessionRequest, deps: OpenerDeps, signal: AbortSignal): Promise<Opened> {
  for (let evictions = 0; ; evictions += 1) {
    try {
      return await openFresh(request, deps, signal);
    } catch (error) {
      const full = error instanceof EngineRefused && error.sqlState === TOO_MANY_CONNECTIONS;
      if (!full || evictions === MOST_EVICTIONS || !(await deps.makeRoom(request.engine.name))) throw error;
    }
  }
}
