import { setTimeout as delay } from 'node:timers/promises';

import type { TcpRelay } from '../../test/support/tcp-relay.ts';
import { again } from './again.ts';
import type { Surroundings } from './clients.ts';
import { ENDING_LIMITS_MS } from './endings.ts';
import { OPERATOR } from './ground.ts';
import type { Part } from './happenings.ts';

type Random = (below: number) => number;
type Fault = (around: Surroundings, random: Random) => Promise<unknown>;

/** Name, how often among the others, what it takes away, and what is done; each puts right what it broke. */
const FAULTS: readonly (readonly [name: string, weight: number, part: Part | null, fault: Fault])[] = [
  ['store: connections cut', 3, 'store', ({ ground }) => now(() => ground.storeNetwork.cut())],
  ['store: connections dead', 2, 'store', ({ ground: { storeNetwork } }) => dead(storeNetwork)],
  [
    'store: refuses',
    2,
    'store',
    ({ ground: { storeNetwork } }) =>
      during(
        () => storeNetwork.refuse(),
        () => storeNetwork.accept(),
      ),
  ],
  [
    'store: silent',
    2,
    'store',
    ({ ground: { storeNetwork } }) =>
      during(
        () => now(() => storeNetwork.silence()),
        () => now(() => storeNetwork.speak()),
      ),
  ],
  [
    'store: crash',
    1,
    'store',
    ({ ground: { store } }) =>
      during(
        () => store.halt('immediate'),
        () => store.start(),
      ),
  ],
  ['engine: connections cut', 3, 'engine', ({ ground }) => now(() => ground.engineNetwork.cut())],
  ['engine: connections dead', 1, 'engine', ({ ground: { engineNetwork } }) => dead(engineNetwork)],
  [
    'engine: refuses',
    2,
    'engine',
    ({ ground: { engineNetwork } }) =>
      during(
        () => engineNetwork.refuse(),
        () => engineNetwork.accept(),
      ),
  ],
  [
    'engine: silent',
    2,
    'engine',
    ({ ground: { engineNetwork } }) =>
      during(
        () => now(() => engineNetwork.silence()),
        () => now(() => engineNetwork.speak()),
      ),
  ],
  [
    'engine: crash',
    1,
    'engine',
    ({ ground: { engine } }) =>
      during(
        () => engine.halt('immediate'),
        () => engine.start(),
      ),
  ],
  [
    'engine: a session ended',
    4,
    'an engine session',
    ({ ground }) =>
      ground.ask(
        ground.engine,
        `select pg_terminate_backend(pid) from pg_stat_activity
          where backend_type = 'client backend' and pid <> pg_backend_pid() order by random() limit 1`,
      ),
  ],
  ['SIGHUP', 2, null, ({ ground }) => now(() => ground.hangUp())],
  ['user disabled', 2, null, disableSomebody],
];

const BROKEN_MS = 1500;
const DEAD_MS = 5000;
const DISABLED_MS = 1000;
const LOOK_MS = 250;

/** Breaks one thing after the other, and revokes tokens all the while. @param everyMs on average */
export async function trouble(around: Surroundings, random: Random, everyMs: number): Promise<void> {
  const { tally, tokens } = around;
  const all = FAULTS.flatMap((fault) => Array.from({ length: fault[1] }, () => fault));
  const wait = async (ms: number): Promise<void> => {
    const dueMs = performance.now() + ms;
    while (performance.now() < dueMs && !around.stopping()) await delay(LOOK_MS);
  };
  while (!around.stopping()) {
    const restMs = everyMs / 2 + random(everyMs);
    await wait(restMs / 2);
    // Once with nothing broken, which shows how long it takes, and once right before something breaks.
    await tokens.replace(random(1000));
    await wait(restMs / 2);
    if (around.stopping()) return;
    const [name, , part, fault] = all[random(all.length)] ?? [];
    if (name === undefined || fault === undefined) return;
    await tokens.replace(random(1000));
    tally.count(tally.faults, name);
    const happening = tally.happenings.begin(name, part ?? null);
    await fault(around, random);
    tally.happenings.end(happening);
  }
}

/** Until their sessions have ended, which then is for the judge of endings to be content with. */
async function disableSomebody({ ground, tally }: Surroundings, random: Random): Promise<void> {
  const user = ground.users[random(ground.users.length)];
  if (user === undefined) return;
  const { accounts } = ground.services;
  const { uid, right } = user;
  right.taking();
  await again(() => accounts.disableUser(OPERATOR, uid), tally);
  right.taken();
  tally.changed('user.disable', uid);
  const latestMs = performance.now() + ENDING_LIMITS_MS.store;
  await delay(DISABLED_MS);
  while (tally.endings.dueBy(right) > 0 && performance.now() < latestMs) await delay(LOOK_MS);
  right.giving();
  await again(() => accounts.enableUser(OPERATOR, uid), tally);
  right.given();
  tally.changed('user.enable', uid);
}

async function during(begin: () => Promise<void>, end: () => Promise<void>): Promise<void> {
  await begin();
  await delay(BROKEN_MS);
  await end();
}

/**
 * Longer than the gateway waits for its store. A client waits for a dead engine as long as the network lets it, with or
 * without a gateway, so the network lets it no longer then.
 */
async function dead(network: TcpRelay): Promise<void> {
  network.strand();
  await delay(DEAD_MS);
  network.cut();
}

function now(run: () => void): Promise<void> {
  run();
  return Promise.resolve();
}
