import { LoadClient, query } from '../load/client.ts';
import { quantile } from '../statistics.ts';
import type { Door, Running } from '../targets/target.ts';
import type { Targets } from '../targets/targets.ts';
import type { Figures, Row, Scenario } from './scenario.ts';
import { cpuOf } from './usage.ts';

const LOGINS = 'logins/s';
const CPU = 'CPU per login, ms';
export const LOGIN_FIGURES = [LOGINS, 'median, ms', 'p99, ms', CPU] as const;

/** So many clients log in, leave, and log in again. */
const CLIENTS = 8;

/**
 * Logins to PostgreSQL, alone or with a first query. PgBouncer needs no engine for a login alone, so that with a query is the
 * fairer comparison; and what users feel.
 */
export function logins(targets: Targets, what: 'alone' | 'with a query'): Scenario {
  const { direct, bareNode, pgbouncer, patgate, patgateFresh } = targets;
  const ask = what === 'with a query';
  const row = (name: string, target: Row['target'], door: (place: Running) => Door, tls = false): Row => ({
    name,
    target,
    run: (place, seconds) => measureLogins(place, door(place), { seconds, tls, ask }),
  });
  const byPassword = (place: Running): Door => place.door('bench');
  const byToken = (place: Running): Door => tokensOf(place).scram('bench');
  const inCleartext = (place: Running): Door => tokensOf(place).cleartext('bench');
  return {
    name: ask ? 'logins with a query' : 'logins',
    figures: LOGIN_FIGURES,
    reference: 'PgBouncer, SCRAM',
    rows: [
      row('direct, SCRAM', direct, byPassword),
      ...(ask ? [] : [row('bare Node, SCRAM and nothing else', bareNode, byPassword)]),
      row('PgBouncer, SCRAM', pgbouncer, byPassword),
      row('patgate, SCRAM', patgate, byPassword),
      row('patgate, token by SCRAM', patgate, byToken),
      row('patgate, SCRAM, fresh engine session', patgateFresh, byPassword),
      row('PgBouncer, SCRAM over TLS', pgbouncer, byPassword, true),
      row('patgate, SCRAM over TLS', patgate, byPassword, true),
      row('patgate, token over TLS', patgate, inCleartext, true),
      row('patgate, token over TLS, fresh engine session', patgateFresh, inCleartext, true),
    ],
  };
}

/** @throws Error where there are none */
export function tokensOf({ tokens }: Running): NonNullable<Running['tokens']> {
  if (tokens === undefined) throw new Error('the target knows no tokens');
  return tokens;
}

/** So many logins of a kind go by uncounted, as a just-in-time compiler has not seen them; where they take long, fewer. */
const WARM_UP_LOGINS = 5000;
const WARM_UP_SECONDS = 10;
/** What kinds of logins are past that. */
const warmedUp = new WeakMap<Running, Set<string>>();

export interface LoginLoad {
  readonly seconds: number;
  readonly tls: boolean;
  readonly ask: boolean;
}

/** One round of one target. */
export async function measureLogins(
  place: Running,
  door: Door,
  { seconds, tls, ask }: LoginLoad,
): Promise<Figures> {
  let tookMs: number[] = [];
  let stopping = false;
  const run = async (): Promise<void> => {
    while (!stopping) {
      const startMs = performance.now();
      const client = await LoadClient.open(door, { tls });
      if (ask) {
        const ready = client.untilReady();
        client.socket.write(query('SELECT 1'));
        await ready;
      }
      tookMs.push(performance.now() - startMs);
      await client.leave();
    }
  };
  const all = Promise.all(Array.from({ length: CLIENTS }, run));
  const kinds = warmedUp.get(place) ?? new Set();
  const kind = `${door.user}${tls ? ' over TLS' : ''}`;
  if (kinds.has(kind)) await pause(seconds * 300);
  else await Promise.race([warm(() => tookMs.length), all]);
  warmedUp.set(place, kinds.add(kind));
  tookMs = [];
  const before = { cpu: cpuOf(place), at: performance.now() };
  await Promise.race([pause(seconds * 1000), all]);
  const after = { cpu: cpuOf(place), at: performance.now() };
  const sorted = Float64Array.from(tookMs).sort();
  stopping = true;
  await all;
  return {
    [LOGINS]: (sorted.length / (after.at - before.at)) * 1000,
    'median, ms': quantile(sorted, 0.5),
    'p99, ms': quantile(sorted, 0.99),
    [CPU]: ((after.cpu - before.cpu) / sorted.length) * 1000,
  };
}

async function warm(logins: () => number): Promise<void> {
  const endMs = performance.now() + WARM_UP_SECONDS * 1000;
  while (logins() < WARM_UP_LOGINS && performance.now() < endMs) await pause(100);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
