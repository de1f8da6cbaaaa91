import { setTimeout as delay } from 'node:timers/promises';

import type { TcpRelay } from '../../test/support/tcp-relay.ts';
import type { Surroundings } from './clients.ts';
import { OPERATOR } from './ground.ts';
import type { Tally } from './tally.ts';

type Random = (below: number) => number;
type Fault = (around: Surroundings, random: Random) => Promise<unknown>;

/** Name, how often among the others, and what is done; each puts right what it broke. */
const FAULTS: readonly (readonly [name: string, weight: number, fault: Fault])[] = [
  ['store: connections cut', 3, ({ ground }) => now(() => ground.storeNetwork.cut())],
  ['store: connections dead', 2, ({ ground: { storeNetwork } }) => dead(storeNetwork)],
  [
    'store: refuses',
    2,
    ({ ground: { storeNetwork } }) =>
      during(
        () => storeNetwork.refuse(),
        () => storeNetwork.accept(),
      ),
  ],
  [
    'store: silent',
    2,
    ({ ground: { storeNetwork } }) =>
      during(
        () => now(() => storeNetwork.silence()),
        () => now(() => storeNetwork.speak()),
      ),
  ],
  [
    'store: crash',
    1,
    ({ ground: { store } }) =>
      during(
        () => store.halt('immediate'),
        () => store.start(),
      ),
  ],
  ['engine: connections cut', 3, ({ ground }) => now(() => ground.engineNetwork.cut())],
  ['engine: connections dead', 1, ({ ground: { engineNetwork } }) => dead(engineNetwork)],
  [
    'engine: refuses',
    2,
    ({ ground: { engineNetwork } }) =>
      during(
        () => engineNetwork.refuse(),
        () => engineNetwork.accept(),
      ),
  ],
  [
    'engine: silent',
    2,
    ({ ground: { engineNetwork } }) =>
      during(
        () => now(() => engineNetwork.silence()),
        () => now(() => engineNetwork.speak()),
      ),
  ],
  [
    'engine: crash',
    1,
    ({ ground: { engine } }) =>
      during(
        () => engine.halt('immediate'),
        () => engine.start(),
      ),
  ],
  [
    'engine: a session ended',
    4,
    ({ ground }) =>
      ground.ask(
        ground.engine,
        `select pg_terminate_backend(pid) from pg_stat_activity
          where backend_type = 'client backend' and pid <> pg_backend_pid() order by random() limit 1`,
      ),
  ],
  ['SIGHUP', 2, ({ ground }) => now(() => ground.hangUp())],
  [
    'user disabled for a second',
    2,
    async ({ ground }, random) => {
      const user = ground.users[random(ground.users.length)];
      if (user === undefined) return;
      await ground.services.accounts.disableUser(OPERATOR, user.uid);
      await delay(1000);
      await ground.services.accounts.enableUser(OPERATOR, user.uid);
    },
  ],
];

const BROKEN_MS = 1500;
const DEAD_MS = 5000;
const LOOK_MS = 250;

/** Breaks one thing after the other, and revokes tokens all the while. @param everyMs on average */
export async function trouble(around: Surroundings, random: Random, everyMs: number): Promise<void> {
  const { tally, tokens } = around;
  const all = FAULTS.flatMap((fault) => Array.from({ length: fault[1] }, () => fault));
  while (!around.stopping()) {
    const dueMs = performance.now() + everyMs / 2 + random(everyMs);
    while (performance.now() < dueMs && !around.stopping()) await delay(LOOK_MS);
    if (around.stopping()) return;
    const [name, , fault] = all[random(all.length)] ?? FAULTS[0] ?? [];
    if (name === undefined || fault === undefined) return;
    await again(() => tokens.replace(random(1000), tally), tally);
    tally.count(tally.faults, name);
    await again(() => fault(around, random), tally);
  }
}

/** What the soak itself asks of the store may meet a fault, too. */
async function again(work: () => Promise<unknown>, tally: Tally): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      if (attempt === 20) {
        tally.violated(`the soak could not go on: ${String(error)}`);
        return;
      }
      await delay(500);
    }
  }
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
