import { setTimeout as delay } from 'node:timers/promises';

import { LoadClient, query } from '../load/client.ts';
import type { Running } from '../targets/target.ts';
import type { Targets } from '../targets/targets.ts';
import type { Figures, Scenario } from './scenario.ts';
import { residentKbOf } from './usage.ts';

const FIGURES = ['round trips', 'logins', 'MB after a quarter', 'MB at the end'] as const;
const QUESTION = query('SELECT abalance FROM accounts WHERE aid = 12345');
const SESSIONS = 4;

/** Round trips and logins without pause: what a gateway keeps of each shows as memory. */
export function soak({ patgate }: Targets, seconds: number): Scenario {
  return {
    name: `resident memory over ${Math.round(seconds)} s of round trips and logins`,
    figures: FIGURES,
    reference: null,
    rounds: 1,
    rows: [{ name: 'patgate', target: patgate, ownProcess: true, run: (place) => measure(place, seconds) }],
  };
}

async function measure(place: Running, seconds: number): Promise<Figures> {
  const state = { stopping: false, trips: 0, logins: 0 };
  const clients = await Promise.all(
    Array.from({ length: SESSIONS }, () => LoadClient.open(place.door('fake'))),
  );
  const work = [...clients.map((client) => ask(client, state)), logInAgainAndAgain(place, state)];
  await Promise.race([delay(seconds * 250), ...work]);
  const early = residentKbOf(place);
  await Promise.race([delay(seconds * 750), ...work]);
  const late = residentKbOf(place);
  state.stopping = true;
  await Promise.all(work);
  for (const client of clients) client.close();
  return {
    'round trips': state.trips,
    logins: state.logins,
    'MB after a quarter': early / 1024,
    'MB at the end': late / 1024,
  };
}

interface State {
  stopping: boolean;
  trips: number;
  logins: number;
}

async function ask(client: LoadClient, state: State): Promise<void> {
  const ready = client.untilReady();
  client.socket.write(QUESTION);
  const length = await ready;
  return new Promise((resolve) => {
    const next = (): void => {
      state.trips++;
      if (state.stopping) resolve();
      else client.ask(QUESTION, length, next);
    };
    client.ask(QUESTION, length, next);
  });
}

async function logInAgainAndAgain(place: Running, state: State): Promise<void> {
  while (!state.stopping) {
    await (await LoadClient.open(place.door('fake'))).leave();
    state.logins++;
  }
}
