import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Principal } from '../accounts/principal.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { LoginOutcome } from '../login/types.ts';
import type { EngineSession, Route, Upstream } from '../upstream/open.ts';
import { encodeBackend } from '../wire/backend.ts';
import type { StartupMessage } from '../wire/startup.ts';
import type { Admitted, CancelAsked } from './admit.ts';
import { checkAllowed } from './allow.ts';
import { applicationName } from './application-name.ts';
import type { Deadline } from './deadline.ts';
import { engineLost } from './endings.ts';
import { greeting, newCancelSecret } from './greet.ts';
import type { Attempt, Journal } from './journal.ts';
import { refuse } from './refuse.ts';
import type { PendingPlace } from './pending.ts';
import { placesOf, type Permit, type Places, type SessionLimits } from './places.ts';
import type { LiveSession, SessionRegistry } from './registry.ts';
import { relay, type RelayEnd } from './relay.ts';
import type { Supervisor } from './supervisor.ts';
import type { Turns } from './turns.ts';

export interface SessionDeps {
  /** @param onClient hears the client's address when a balancer tells it */
  readonly admit: (
    socket: Socket,
    deadline: Deadline,
    onClient: (address: string) => void,
  ) => Promise<Admitted | CancelAsked | null>;
  readonly cancel: (asked: CancelAsked) => Promise<void>;
  readonly login: (admitted: Admitted) => Promise<LoginOutcome>;
  readonly route: (principal: Principal, startup: StartupMessage) => Route;
  readonly upstream: Upstream;
  readonly registry: SessionRegistry;
  readonly places: Places;
  readonly limits: () => SessionLimits;
  readonly supervisor: Supervisor;
  readonly journal: Journal;
  readonly newDeadline: () => Deadline;
  /** Those of everyone who logs in. */
  readonly turns: Turns;
  /** A NoticeResponse for this principal's greeting, or empty. */
  readonly notice: (principal: Principal) => Promise<Buffer>;
  readonly clock: Clock;
  readonly log: Log;
}

type Proved = LoginOutcome & { kind: 'proved' };

/**
 * What waits for the client fails by itself at the deadline, and may have more to say than that: a token that was refused
 * before. What waits for something else is given so long.
 */
const OWN_WORDS_MS = 100;
const NO_NOTICE = Buffer.alloc(0);

/** A session that runs by itself. */
export interface RunningSession {
  /** Settles, never rejects, when nothing is left of it. */
  readonly over: Promise<void>;
}

/**
 * One connection from its first byte until its login is settled. What the login needed is not kept for as long as the session
 * lasts.
 * @param place among those that have not logged in; settled once the login is proved and a session's place taken
 * @returns the session; null when there is none (a cancel request, a refusal, a port scan), once the connection is closed:
 *   whoever does not close it keeps it for a while, and is to be counted for as long
 */
export async function runSession(
  socket: Socket,
  place: Pick<PendingPlace, 'settled' | 'comesFrom'>,
  deps: SessionDeps,
): Promise<RunningSession | null> {
  const session = await settleLogin(socket, place, deps);
  if (session === null) await closed(socket);
  return session;
}

async function settleLogin(
  socket: Socket,
  place: Pick<PendingPlace, 'settled' | 'comesFrom'>,
  deps: SessionDeps,
): Promise<RunningSession | null> {
  const deadline = deps.newDeadline();
  try {
    const admitted = await deps.admit(socket, deadline, (address) => place.comesFrom(address));
    if (admitted === null) return null;
    if (admitted.kind === 'cancel') {
      await deps.cancel(admitted);
      admitted.close();
      return null;
    }
    return await serveClient(
      admitted,
      { deadline, settled: () => place.settled(), closed: () => closed(socket) },
      deps,
    );
  } finally {
    deadline.clear();
  }
}

/** Over TLS, too: the encrypted socket and this one are closed together. */
async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

async function serveClient(
  admitted: Admitted,
  { deadline, settled, closed: end }: Pick<Progress, 'deadline' | 'settled' | 'closed'>,
  deps: SessionDeps,
): Promise<RunningSession | null> {
  const attempt = deps.journal.begin(admitted);
  // What is revoked from here on is noticed, even before the session is on the register.
  const epoch = deps.supervisor.epoch;
  const overdue: Timer[] = [];
  const onTimeout = (): void => {
    const timedOut = (): void => refuse(admitted, deadline.signal.reason, attempt, deps.clock);
    overdue.push(deps.clock.after(OWN_WORDS_MS, timedOut));
  };
  deadline.signal.addEventListener('abort', onTimeout, { once: true });
  try {
    const outcome = await deps.login(admitted);
    if (outcome.kind === 'left') {
      attempt.left();
      admitted.transport.destroy();
      return null;
    }
    return await serveProved(admitted, outcome, { deadline, settled, closed: end, attempt, epoch }, deps);
  } catch (error) {
    refuse(admitted, error, attempt, deps.clock);
    return null;
  } finally {
    deadline.signal.removeEventListener('abort', onTimeout);
    for (const timer of overdue) timer.cancel();
  }
}

interface Progress {
  readonly deadline: Deadline;
  readonly settled: () => void;
  /** Settles with the connection's end. */
  readonly closed: () => Promise<void>;
  readonly attempt: Attempt;
  readonly epoch: number;
}

async function serveProved(
  admitted: Admitted,
  { principal, preface, byGrace = false }: Proved,
  progress: Progress,
  deps: SessionDeps,
): Promise<RunningSession> {
  progress.attempt.proved(principal, byGrace);
  const route = deps.route(principal, admitted.startup);
  checkAllowed(principal, admitted.peer, route.name);
  const permit = await deps.places.take(placesOf(principal, admitted.peer, deps.limits()));
  // It counts as a session from here on: who has proved a secret does not lose its place to those who have proved nothing.
  progress.settled();
  try {
    // What it would say depends on the store.
    const notice = byGrace ? NO_NOTICE : await deps.notice(principal);
    const engine = await openEngine(admitted, { principal, route, signal: progress.deadline.signal }, deps);
    progress.deadline.clear();
    const session = join(admitted, { principal, preface, engine, database: route.name, notice }, deps);
    progress.attempt.succeeded(session);
    return carry(session, permit, progress.epoch, deps);
  } catch (error) {
    // Last words may take a while to be read: for so long the connection is there.
    void progress.closed().then(() => permit.release());
    throw error;
  }
}

/** @throws what the login was ended with, also when that happens between the engine's session and this login's turn */
async function openEngine(
  { startup, peer }: Admitted,
  { principal, route, signal }: { principal: Principal; route: Route; signal: AbortSignal },
  { upstream, turns }: SessionDeps,
): Promise<EngineSession> {
  const engine = await upstream.open(principal, startup, route, signal, peer.address);
  await turns.take(peer.address);
  if (signal.aborted) {
    const reusable = engine.leftover.length === 0;
    upstream.giveBack(engine, { reusable, untouched: true, parametersChanged: false });
    signal.throwIfAborted();
  }
  return engine;
}

/** Greets the client and lets the bytes flow. */
function join(
  admitted: Admitted,
  parts: { principal: Principal; preface: Buffer; engine: EngineSession; database: string; notice: Buffer },
  deps: SessionDeps,
): LiveSession {
  const { principal, engine } = parts;
  const cancelSecret = newCancelSecret(admitted.minor);
  const clientLeftover = admitted.reader.release();
  admitted.transport.write(
    greeting({
      preface: parts.preface,
      engineGreeting: engine.greeting,
      processId: engine.processId,
      cancelSecret,
      notice: parts.notice,
    }),
  );
  return {
    sid: randomUUID(),
    principal,
    peer: admitted.peer,
    tls: admitted.tls?.protocol ?? null,
    application: applicationName(admitted.startup),
    database: parts.database,
    engine,
    cancelSecret,
    startedAt: deps.clock.now(),
    relay: relay(
      { transport: admitted.transport, leftover: clientLeftover },
      { transport: engine.transport, leftover: engine.leftover },
      { clock: deps.clock, engineGone: () => engineGone(engine.engine) },
    ),
  };
}

function engineGone(engine: string): Buffer {
  return encodeBackend({ kind: 'errorResponse', fault: engineLost(engine).fault });
}

function carry(session: LiveSession, permit: Permit, epoch: number, deps: SessionDeps): RunningSession {
  deps.registry.add(session);
  deps.journal.opened(session);
  deps.supervisor.watch(session, epoch);
  return { over: session.relay.ended.then((end) => finish(session, end, permit, deps)) };
}

async function finish(session: LiveSession, end: RelayEnd, permit: Permit, deps: SessionDeps): Promise<void> {
  const onDefect = (error: unknown): void =>
    deps.log.error({ error: describeError(error), sid: session.sid }, 'a session ended by a defect');
  try {
    deps.journal.ended(session, end, deps.supervisor.endingOf(session)?.code ?? null);
  } catch (error) {
    onDefect(error);
  }
  const released = release(session, end, deps).catch(onDefect);
  deps.registry.remove(session);
  deps.supervisor.forget(session);
  // As long as the engine may still have its session, it counts.
  await released;
  permit.release();
}

/** What nobody waits for any more must not go on; a clean engine session may serve its principal again. */
async function release(session: LiveSession, end: RelayEnd, deps: SessionDeps): Promise<void> {
  if (end.closedBy !== 'engine' && session.relay.state !== 'idle') {
    await deps.upstream.abandon(session.engine);
    return;
  }
  deps.upstream.giveBack(session.engine, {
    reusable: end.engineReusable,
    untouched: end.untouched,
    parametersChanged: end.parametersChanged,
  });
}
