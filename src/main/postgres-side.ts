import { createSecretKey } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { fatal, GatewayError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { networkList } from '../core/networks.ts';
import type { Config } from '../config/config.ts';
import { login } from '../login/login.ts';
import { createOauthVerifier, type OauthVerifier } from '../login/oauth-verifier.ts';
import { DEFAULT_THROTTLE, Throttle } from '../login/throttle.ts';
import type { SessionMetrics } from '../observe/session-metrics.ts';
import { admit } from '../session/admit.ts';
import { cancelForwarded, cancelRequested, type CancelDeps } from '../session/cancel.ts';
import { Deadlines } from '../session/deadline.ts';
import { createJournal } from '../session/journal.ts';
import { listen, type Listener } from '../session/listener.ts';
import { SessionRegistry } from '../session/registry.ts';
import { runSession, type SessionDeps } from '../session/run.ts';
import { Supervisor } from '../session/supervisor.ts';
import { TokenBuckets } from '../session/token-buckets.ts';
import type { Transports } from '../session/transports.ts';
import type { ServerTls } from '../tls/server-tls.ts';
import type { Upstream } from '../upstream/open.ts';
import { expiryNotice } from './notice.ts';
import type { Services } from './services.ts';

export interface PostgresSideOptions {
  readonly config: Config;
  readonly services: Services;
  readonly tls: ServerTls | null;
  readonly upstream: Upstream;
  readonly transports: Transports;
  readonly metrics: (live: () => number) => SessionMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** The listener for SQL clients and all that runs behind it. */
export interface PostgresSide {
  readonly host: string;
  readonly port: number;
  readonly liveSessions: number;
  /** Takes no more clients; ends idle sessions now and busy ones when they are done, or after `graceMs`. Resolves when none is left. */
  drain(graceMs: number): Promise<void>;
  close(): void;
}

const BACKLOG = 4096;
const NO_NOTICE = Buffer.alloc(0);
/** Guessing a four-byte key may cost so much, from one address and from all together. */
const CANCEL_GUESSES = { burst: 20, perSecond: 2, maxKeys: 10_000 };

export async function startPostgresSide(options: PostgresSideOptions): Promise<PostgresSide> {
  const { config, services, clock, log } = options;
  const registry = new SessionRegistry(() => config.sessions);
  const metrics = options.metrics(() => registry.size);
  const deadlines = new Deadlines(config.login.timeout, clock);
  const supervisor = new Supervisor({
    standings: services.standings,
    cancelEngine: (session) => options.upstream.cancel(session),
    expiryGraceMs: config.sessions.expiryGrace,
    idleTimeoutMs: () => config.sessions.idleTimeout ?? 0,
    revokedAndClosed: (seconds) => metrics.revokedAndClosed(seconds),
    clock,
    log,
  });
  const cancelDeps: CancelDeps = {
    registry,
    cancelEngine: (session) => options.upstream.cancel(session),
    forward: (cancel) => services.bus.publish({ kind: 'cancel', ...cancel }),
    unknownKeys: new TokenBuckets(CANCEL_GUESSES, clock),
    digestKey: createSecretKey(await services.credentials.storeSecret()),
    clock,
    log,
  };
  const unsubscribe = services.bus.subscribe((event) => {
    supervisor.handle(event);
    if (event.kind === 'cancel') void cancelForwarded(event, cancelDeps);
  });
  const deps = sessionDeps(options, { registry, supervisor, cancelDeps, metrics, deadlines });
  const listener = await listen({
    host: config.listen.postgres.host,
    port: config.listen.postgres.port,
    backlog: BACKLOG,
    maxPending: config.login.maxPending,
    maxPendingPerAddress: config.login.maxPendingPerAddress,
    run: (socket, settled) => runSession(socket, settled, deps),
    log,
  });
  return postgresSide(listener, { registry, supervisor, deadlines, unsubscribe, config });
}

interface Parts {
  readonly registry: SessionRegistry;
  readonly supervisor: Supervisor;
  readonly cancelDeps: CancelDeps;
  readonly metrics: SessionMetrics;
  readonly deadlines: Deadlines;
}

function sessionDeps(options: PostgresSideOptions, parts: Parts): SessionDeps {
  const { config, services, upstream, clock, log } = options;
  const { registry, supervisor, cancelDeps, metrics, deadlines } = parts;
  const trustedProxies = networkList(config.listen.proxyProtocolFrom);
  const journal = createJournal({
    audit: services.audit,
    lastUsed: services.lastUsed,
    directory: services.liveSessions,
    metrics,
    clock,
    log,
  });
  const loginDeps = {
    credentials: services.credentials,
    hasher: services.hasher,
    method: config.login.method,
    tokenUsers: config.login.tokenUsers,
    throttle: new Throttle(clock, {
      ...DEFAULT_THROTTLE,
      free: config.login.throttleFree,
      firstWaitMs: config.login.throttleFirstWait,
      longestWaitMs: config.login.throttleLongestWait,
      forgiveEveryMs: config.login.throttleForgiveEvery,
    }),
    clock,
    ...oauthOf(config, clock),
  };
  return {
    admit: (socket, deadline) =>
      admit(socket, {
        tls: options.tls,
        tlsMode: config.tls.mode,
        trustedProxies,
        firstByteTimeoutMs: config.login.firstByteTimeout,
        deadline: deadline.signal,
        makeTransport: options.transports,
        clock,
        log,
        onRefused: (refusal) => journal.refusedAtTheDoor(refusal),
      }),
    cancel: (asked) => cancelRequested(asked, cancelDeps),
    login: (admitted) => login(admitted, loginDeps),
    route: (principal, startup) => upstream.route(startup.database, principal),
    upstream,
    registry,
    supervisor,
    journal,
    newDeadline: () => deadlines.start(),
    async notice(principal) {
      if (!config.notices.loginExpiry || (principal.token?.expiresAt ?? null) === null) return NO_NOTICE;
      const { expiryNoticeDays } = await services.policy.get();
      return expiryNotice(principal, expiryNoticeDays, clock.now());
    },
    clock,
    log,
  };
}

function postgresSide(
  listener: Listener,
  parts: {
    registry: SessionRegistry;
    supervisor: Supervisor;
    deadlines: Deadlines;
    unsubscribe: () => void;
    config: Config;
  },
): PostgresSide {
  const { registry, supervisor } = parts;
  return {
    host: parts.config.listen.postgres.host,
    port: listener.address.port,
    get liveSessions() {
      return registry.size;
    },
    async drain(graceMs) {
      listener.stopAccepting();
      parts.deadlines.refuseAll(shuttingDown);
      supervisor.endAll({
        sqlState: '57P01',
        message: 'terminating connection: the gateway is shutting down',
        graceMs,
        since: null,
      });
      await registry.emptied();
    },
    close() {
      parts.unsubscribe();
      supervisor.stop();
      listener.stopAccepting();
      parts.deadlines.refuseAll(shuttingDown);
    },
  };
}

function shuttingDown(): GatewayError {
  return new GatewayError(
    'session.draining',
    'the gateway is shutting down',
    fatal('57P03', 'the gateway is shutting down'),
  );
}

/** Access tokens of the operator's identity provider are accepted as logins when it is configured. */
function oauthOf({ oauth }: Config, clock: Clock): { readonly oauth?: OauthVerifier } {
  const { issuer, audience, jwksUrl, userClaim, scopes } = oauth;
  if (issuer === null || audience === null) return {};
  return { oauth: createOauthVerifier({ issuer, audience, jwksUrl, userClaim, scopes }, clock) };
}
