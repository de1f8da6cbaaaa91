import { setTimeout as delay } from 'node:timers/promises';

import type { Surroundings } from './clients.ts';
import { OPERATOR } from './ground.ts';

type Random = (below: number) => number;
type Fault = (around: Surroundings, random: Random) => Promise<unknown>;

/** Name, how often among the others, and what is done; each puts right what it broke. */
const FAULTS: readonly (readonly [name: string, weight: number, fault: Fault])[] = [
  ['store: connections cut', 3, ({ ground }) => now(() => ground.storeNetwork.cut())],
  ['store: connections dead', 2, ({ ground }) => now(() => ground.storeNetwork.strand())],
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
  ['engine: connections dead', 1, ({ ground }) => now(() => ground.engineNetwork.strand())],
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
const BETWEEN_MS = 2000;

/** Breaks one thing after the other, and revokes tokens all the while. */
export async function trouble(around: Surroundings, random: Random): Promise<void> {
  const { tally, tokens } = around;
  const all = FAULTS.flatMap((fault) => Array.from({ length: fault[1] }, () => fault));
  while (!around.stopping()) {
    await delay(BETWEEN_MS / 2 + random(BETWEEN_MS));
    const [name, , fault] = all[random(all.length)] ?? FAULTS[0] ?? [];
    if (name === undefined || fault === undefined) return;
    await again(() => tokens.replace(random(1000), tally), tally);
    tally.count(tally.faults, name);
    await again(() => fault(around, random), tally);
  }
}

/** What the soak itself asks of the store may meet a fault, too. */
async function again(
  work: () => Promise<unknown>,
  { violated }: { violated: (what: string) => void },
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      if (attempt === 20) {
        violated(`the soak could not go on: ${String(error)}`);
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

function now(run: () => void): Promise<void> {
  run();
  return Promise.resolve();
}
