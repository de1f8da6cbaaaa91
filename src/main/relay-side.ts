import { createSecretKey } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Registry } from 'prom-client';
import type { Clock } from '../core/clock.ts';
import { fatal, GatewayError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Config } from '../config/config.ts';
import { login } from '../login/login.ts';
import { createOauthVerifier, type OauthVerifier } from '../login/oauth-verifier.ts';
import type { LoginClient } from '../login/types.ts';
import { createGraceMetrics } from '../observe/grace-metrics.ts';
import { createSessionMetrics, type SessionMetrics } from '../observe/session-metrics.ts';
import { admit, type Admitted } from '../session/admit.ts';
import { cancelForwarded, cancelHere, type CancelDeps, type CancelKey } from '../session/cancel.ts';
import { Deadlines } from '../session/deadline.ts';
import { draining } from '../session/endings.ts';
import { createJournal } from '../session/journal.ts';
import type { PendingPlace } from '../session/pending.ts';
import { SessionRegistry } from '../session/registry.ts';
import { runSession, type RunningSession, type SessionDeps } from '../session/run.ts';
import { Supervisor } from '../session/supervisor.ts';
import { BoundedHandshakes } from '../session/tls-hello.ts';
import { Turns } from '../session/turns.ts';
import { createTransports, type Transports } from '../session/transports.ts';
import { loadServerTls, type ServerTls } from '../tls/server-tls.ts';
import { StoreGrace } from '../tokens/store-grace.ts';
import type { Upstream } from '../upstream/open.ts';
import { withConsole } from './console-side.ts';
import { createEngineSide } from './engine-side.ts';
import { enginesOf } from './engine-options.ts';
import type { CertificateFiles, Ground } from './ground.ts';
import type { Group } from './group.ts';
import type { Capacity } from './life/capacity.ts';
import type { LiveSettings } from './live-settings.ts';
import { inNetworks } from './in-networks.ts';
import { expiryNotice } from './notice.ts';
import type { Services } from './services.ts';

export interface RelaySideOptions {
  readonly settings: LiveSettings;
  readonly ground: Pick<Ground, 'embedded' | 'tls'>;
  readonly services: Services;
  readonly group: Group;
  readonly capacity: Capacity;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
}

/** All that carries SQL sessions in one process, from the accepted connection to the engine. */
export interface RelaySide {
  readonly liveSessions: number;
  /** Takes one connection through its login. @returns the session that runs from then on, if any */
  accept(socket: Socket, place: Pick<PendingPlace, 'settled' | 'comesFrom'>): Promise<RunningSession | null>;
  /** @returns whether the key is that of a session here, which has then been cancelled */
  cancel(key: CancelKey): Promise<boolean>;
  /**
   * Reads certificates, engines and their credentials as another configuration names them. Nothing changes before the answer
   * is called; the caller replaces the settings then, too.
   * @param certificates for a listener with TLS
   * @throws GatewayError or RequestError config.invalid
   */
  prepare(next: Config, certificates: CertificateFiles | null): Promise<() => void>;
  /** Ends idle sessions now, and others when statement and transaction are over, or after `graceMs`. Resolves when none is left. */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

const NO_NOTICE = Buffer.alloc(0);

/** @throws GatewayError or RequestError config.invalid */
export async function createRelaySide(options: RelaySideOptions): Promise<RelaySide> {
  const { settings, ground, services, clock, log } = options;
  const transports = createTransports();
  const tls = ground.tls === null ? null : await loadServerTls(ground.tls);
  const { embedded } = ground;
  const engines = await createEngineSide({ settings, embedded, transports, clock, log });
  const upstream = withConsole(engines, {
    settings,
    services,
    embedded,
    registry: options.registry,
    clock,
    log,
  });
  const registry = new SessionRegistry();
  const metrics = createSessionMetrics(options.registry, () => registry.size);
  const deadlines = new Deadlines(() => settings.current.login.timeout, clock);
  const supervisor = new Supervisor({
    standings: services.standings,
    cancelEngine: (session) => upstream.cancel(session),
    get expiryGraceMs() {
      return settings.current.sessions.expiryGrace;
    },
    idleTimeoutMs: () => settings.current.sessions.idleTimeout ?? 0,
    revokedAndClosed: (seconds) => metrics.revokedAndClosed(seconds),
    clock,
    log,
  });
  const grace = new StoreGrace({
    graceMs: () => settings.current.login.storeGrace ?? 0,
    store: services.store,
    clock,
    log,
  });
  createGraceMetrics(options.registry, grace);
  const cancelDeps: CancelDeps = {
    registry,
    cancelEngine: (session) => upstream.cancel(session),
    digestKey: createSecretKey(await services.credentials.storeSecret()),
    log,
  };
  const unsubscribe = services.bus.subscribe((event) => {
    supervisor.handle(event);
    grace.handle(event);
    // What an account left behind on the engines must not outlive its right to be there.
    if (event.kind === 'account') upstream.forget(event.uid);
    if (event.kind === 'cancel') void cancelForwarded(event, cancelDeps);
  });
  const parts = { registry, supervisor, cancelDeps, metrics, deadlines, transports, tls, upstream, grace };
  return relaySide(options, parts, unsubscribe);
}

interface Parts {
  readonly registry: SessionRegistry;
  readonly supervisor: Supervisor;
  readonly cancelDeps: CancelDeps;
  readonly metrics: SessionMetrics;
  readonly deadlines: Deadlines;
  readonly transports: Transports;
  readonly tls: ServerTls | null;
  readonly upstream: Upstream;
  readonly grace: StoreGrace;
}

function relaySide(options: RelaySideOptions, parts: Parts, unsubscribe: () => void): RelaySide {
  const { registry, supervisor, deadlines, tls, upstream } = parts;
  const { ground } = options;
  const deps = sessionDeps(options, parts);
  return {
    get liveSessions() {
      return registry.size;
    },
    accept(socket, place) {
      const scarce = options.capacity.room(socket) !== 'enough';
      return runSession(socket, place, scarce ? { ...deps, login: refuseForDescriptors } : deps);
    },
    cancel: (key) => cancelHere(key, parts.cancelDeps),
    async prepare(next, certificates) {
      const [useCertificate, useEngines] = await Promise.all([
        tls === null || certificates === null ? null : tls.prepare(certificates),
        upstream.prepare(enginesOf(next, ground.embedded)),
      ]);
      return () => {
        useCertificate?.();
        useEngines();
      };
    },
    async drain(graceMs) {
      deadlines.refuseAll(shuttingDown);
      supervisor.endAll(draining(graceMs));
      await registry.emptied();
    },
    async close() {
      unsubscribe();
      supervisor.stop();
      deadlines.refuseAll(shuttingDown);
      await upstream.close();
    },
  };
}

function sessionDeps(options: RelaySideOptions, parts: Parts): SessionDeps {
  const { settings, services, group, capacity, clock, log } = options;
  const { registry, supervisor, cancelDeps, metrics, deadlines, tls, upstream, grace } = parts;
  const { method, tokenUsers } = settings.current.login;
  const journal = createJournal({
    audit: services.audit,
    refusals: services.refusals,
    lastUsed: services.lastUsed,
    directory: services.liveSessions,
    metrics,
    clock,
    log,
  });
  const { credentials, hasher } = services;
  const { throttle } = group;
  const common = { credentials, hasher, method, tokenUsers, throttle, clock, grace };
  const loginDeps = { ...common, ...oauthOf(settings, clock) };
  const turns = new Turns(clock);
  const boundedHandshakes = new BoundedHandshakes(clock);
  const isProxy = inNetworks(() => settings.current.listen.proxyProtocolFrom);
  return {
    admit: (socket, deadline, onClient) => {
      const { tls: tlsSettings, login: loginSettings } = settings.current;
      return admit(socket, {
        tls,
        tlsMode: tlsSettings.mode,
        isProxy,
        firstByteTimeoutMs: loginSettings.firstByteTimeout,
        deadline: deadline.signal,
        makeTransport: parts.transports,
        turns,
        boundedHandshakes,
        clock,
        log,
        onClient,
        onRefused: (refusal) => journal.refusedAtTheDoor(refusal),
      });
    },
    async cancel({ processId, key, peer }) {
      const asked = { processId, key, address: peer.address };
      if (!(await cancelHere(asked, cancelDeps))) await group.passOnCancel(asked);
    },
    login(admitted) {
      capacity.checkMemory();
      return login(inTurns(admitted, turns), loginDeps);
    },
    route: (principal, startup) => upstream.route(startup.database, principal),
    upstream,
    registry,
    places: group.places,
    limits: () => capacity.limits(),
    supervisor,
    journal,
    newDeadline: () => deadlines.start(),
    turns,
    async notice(principal) {
      const wanted = settings.current.notices.loginExpiry;
      if (!wanted || (principal.token?.expiresAt ?? null) === null) return NO_NOTICE;
      const { expiryNoticeDays } = await services.policy.get();
      return expiryNotice(principal, expiryNoticeDays, clock.now());
    },
    clock,
    log,
  };
}

/** Each message of a client who logs in is dealt with in a turn of its own. */
function inTurns(admitted: Admitted, turns: Turns): LoginClient {
  const { transport, startup, tls, peer } = admitted;
  const next: LoginClient['reader']['next'] = async (options) => {
    const message = await admitted.reader.next(options);
    await turns.take(peer.address);
    return message;
  };
  return { transport, reader: { next }, startup, tls, peer };
}

/** Who comes while descriptors are scarce is told so, as if all sessions were taken: what is left is for those who are in. */
function refuseForDescriptors(): Promise<never> {
  return Promise.reject(
    new GatewayError(
      'session.too_many',
      'limit reached: file descriptors of this process',
      fatal('53300', 'sorry, too many clients already'),
    ),
  );
}

function shuttingDown(): GatewayError {
  return new GatewayError(
    'session.draining',
    'the gateway is shutting down',
    fatal('57P03', 'the gateway is shutting down'),
  );
}

/** Access tokens of the operator's identity provider are accepted as logins when it is configured. */
function oauthOf(settings: LiveSettings, clock: Clock): { readonly oauth?: OauthVerifier } {
  const { issuer, audience, jwksUrl, userClaim, scopes } = settings.current.oauth;
  if (issuer === null || audience === null) return {};
  return { oauth: createOauthVerifier({ issuer, audience, jwksUrl, userClaim, scopes }, clock) };
}
