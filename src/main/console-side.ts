import { randomInt } from 'node:crypto';
import type { Registry } from 'prom-client';
import { openConsole, type ConsoleDeps, type ConsoleLine } from '../console/console.ts';
import type { Statistic } from '../console/deps.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { applicationName } from '../session/application-name.ts';
import type { EngineSession, Upstream } from '../upstream/open.ts';
import { refuseReplication, vetParameters } from '../upstream/parameters.ts';
import { configLines } from './config-lines.ts';
import { loadEngines, type EmbeddedEngine } from './engine-options.ts';
import { packageVersion } from '../core/package-version.ts';
import type { LiveSettings } from './live-settings.ts';
import { isConsole, routingOf, withConsoleRoute } from './routing.ts';
import type { Services } from './services.ts';

export interface ConsoleSideOptions {
  readonly settings: LiveSettings;
  readonly services: Services;
  readonly embedded: EmbeddedEngine | null;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
}

const NOTHING = Buffer.alloc(0);
/** Above what operating systems give to processes, so that no tool takes it for an engine's. */
const PROCESS_IDS = [2 ** 30, 2 ** 31 - 1] as const;

/**
 * The engine side with the SQL console in it: to a session, the console is one more engine. So everything that holds for
 * sessions (limits, the register, revocation, idle time, cancel requests, draining) holds there without being said again.
 */
export function withConsole(upstream: Upstream, options: ConsoleSideOptions): Upstream {
  // Where it is does not change while the process runs.
  const config = options.settings.current;
  if (config.console.database === null) return upstream;
  const deps = consoleDeps(upstream, options);
  const lines = new Map<EngineSession, ConsoleLine>();
  return {
    route: withConsoleRoute((requested, principal) => upstream.route(requested, principal), config),
    async open(principal, startup, route, signal, address) {
      if (!isConsole(route, config)) return upstream.open(principal, startup, route, signal);
      signal.throwIfAborted();
      vetParameters(startup.parameters, principal.name);
      refuseReplication(startup.parameters);
      const processId = randomInt(...PROCESS_IDS);
      const visitor = {
        principal,
        address: address ?? null,
        application: applicationName(startup),
        database: route.name,
        processId,
      };
      const line = openConsole(visitor, startup.parameters, deps);
      const session: EngineSession = {
        transport: line.transport,
        leftover: NOTHING,
        greeting: line.greeting,
        processId,
        cancelKey: NOTHING,
        role: principal.name,
        engine: route.engine,
        fresh: true,
      };
      lines.set(session, line);
      return session;
    },
    giveBack(session, end) {
      const line = lines.get(session);
      if (line === undefined) {
        upstream.giveBack(session, end);
        return;
      }
      lines.delete(session);
      line.close();
    },
    abandon(session) {
      const line = lines.get(session);
      if (line === undefined) return upstream.abandon(session);
      lines.delete(session);
      line.close();
      return Promise.resolve();
    },
    cancel(session) {
      const line = lines.get(session);
      if (line === undefined) return upstream.cancel(session);
      line.cancel();
      return Promise.resolve();
    },
    forget: (uid) => upstream.forget(uid),
    stats: () => upstream.stats(),
    prepare: (next) => upstream.prepare(next),
    reload: () => upstream.reload(),
    async close() {
      for (const line of lines.values()) line.close();
      await Promise.all([upstream.close(), ...[...lines.values()].map(({ ended }) => ended)]);
    },
  };
}

function consoleDeps(upstream: Upstream, options: ConsoleSideOptions): ConsoleDeps {
  const { settings, services, embedded, registry, clock, log } = options;
  const { accounts, tokens, standings, policy, oversight, liveSessions } = services;
  return {
    accounts,
    tokens,
    standings,
    oversight: {
      ...oversight,
      async sessions(actor, query) {
        // Written behind, so that who has just come would not see the own session yet.
        await liveSessions.flush();
        return oversight.sessions(actor, query);
      },
    },
    async explainLogin(actor, question) {
      const config = settings.current;
      const { explainLogin } = await import('./explain/explain-login.ts');
      const { rules } = await explainLogin(question, {
        actor,
        accounts,
        tokens,
        policy,
        sessionsOf: (uid) => oversight.sessions(actor, { uid, limit: 10_000 }),
        ...routingOf(config, await loadEngines(config, embedded)),
        method: config.login.method,
        tokenUsers: config.login.tokenUsers,
        maxPerUser: config.sessions.maxPerUser,
      });
      return rules;
    },
    pools: () => upstream.stats(),
    statistics: () => statisticsOf(registry),
    config: () => configLines(settings.current),
    version: packageVersion(),
    clock,
    log,
  };
}

/** Our own metrics, without the buckets of histograms; those and the runtime's are on the metrics listener. */
async function statisticsOf(registry: Registry): Promise<readonly Statistic[]> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics
    .filter(({ name }) => name.startsWith('patgate_'))
    .flatMap((metric) =>
      metric.values.map((sample) => ({
        name: 'metricName' in sample ? String(sample.metricName) : metric.name,
        labels: Object.entries(sample.labels)
          .map(([label, value]) => `${label}=${String(value)}`)
          .join(','),
        value: sample.value,
      })),
    )
    .filter(({ name }) => !name.endsWith('_bucket'));
}
