import { setTimeout as delay } from 'node:timers/promises';

import { LoadClient, query } from '../load/client.ts';
import type { SoakGround } from './ground.ts';
import type { Tally } from './tally.ts';
import type { SoakToken, Tokens } from './tokens.ts';

type Random = (below: number) => number;

export interface Surroundings {
  readonly ground: SoakGround;
  readonly tokens: Tokens;
  readonly tally: Tally;
  readonly stopping: () => boolean;
}

const QUESTION = query('SELECT 1');
const SLOW_QUESTION = query('SELECT pg_sleep(0.05)');
/** Nothing that a client waits for may take longer, whatever is broken: faults last two seconds. */
const HANG_MS = 30_000;
/** From the answer to a revocation to the end of the token's sessions, when the gateway is cut off from its store meanwhile. */
const REVOCATION_LIMIT_MS = 15_000;
const PAUSE_MS = 20;

/** Logs in, asks, leaves; in order, or not; until it is told to stop. */
export async function visitor(around: Surroundings, random: Random): Promise<void> {
  while (!around.stopping()) {
    const client = await enter(around, random);
    if (client === null) await delay(PAUSE_MS);
    else await stay(client, around, random);
  }
}

/** Holds a session by a token and asks now and then, until the session is ended or it is told to stop. */
export async function sitter(around: Surroundings, random: Random): Promise<void> {
  const { ground, tokens, tally } = around;
  while (!around.stopping()) {
    const token = tokens.live[random(tokens.live.length)];
    if (token === undefined) continue;
    const door = { port: ground.info.postgres.port, database: 'postgres' };
    const client = await login(around, { ...door, user: token.user.name, password: token.secret }, token);
    while (client !== null && !around.stopping()) {
      const asked = await ask(client, around, QUESTION);
      if (!asked) break;
      await delay(200);
      const sinceMs = token.revokedAtMs === null ? 0 : performance.now() - token.revokedAtMs;
      if (sinceMs > REVOCATION_LIMIT_MS) tally.violated(`a session outlived its token by ${sinceMs} ms`);
    }
    if (token.revokedAtMs !== null) {
      const tookMs = performance.now() - token.revokedAtMs;
      tally.longestRevocationMs = Math.max(tally.longestRevocationMs, tookMs);
    }
    client?.close();
    await delay(PAUSE_MS);
  }
}

function enter(around: Surroundings, random: Random): Promise<LoadClient | null> {
  const { ground, tokens } = around;
  const door = { port: ground.info.postgres.port, database: 'postgres' };
  const user = ground.users[random(ground.users.length)];
  const dead = random(50) === 0 ? tokens.dead[random(Math.max(1, tokens.dead.length))] : undefined;
  const token = dead ?? tokens.live[random(tokens.live.length)];
  const kind = random(10);
  if (dead === undefined && kind < 6 && user !== undefined) {
    return login(around, { ...door, user: user.name, password: user.password }, null);
  }
  if (token === undefined) return Promise.resolve(null);
  if (kind < 9) {
    return login(around, { ...door, user: `$token.${token.tid}`, password: token.secret }, token);
  }
  return login(around, { ...door, user: '$token', password: token.secret }, token, { tls: true });
}

async function login(
  around: Surroundings,
  door: Parameters<typeof LoadClient.open>[0],
  token: SoakToken | null,
  options?: { tls: boolean },
): Promise<LoadClient | null> {
  const { tally } = around;
  const revokedBefore = token !== null && token.revokedAtMs !== null;
  try {
    const client = await inTime(LoadClient.open(door, options), 'a login', tally);
    tally.logins++;
    if (revokedBefore) tally.violated('a login by a token that was revoked before');
    return client;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    tally.count(tally.refused, / C([0-9A-Z]{5}) /.exec(text)?.[1] ?? text);
    return null;
  }
}

async function stay(client: LoadClient, around: Surroundings, random: Random): Promise<void> {
  const { tally } = around;
  const trips = random(20) === 0 ? 200 : 1 + random(20);
  for (let n = 0; n < trips; n++) if (!(await ask(client, around, QUESTION))) return;
  if (random(10) === 0) {
    client.socket.write(SLOW_QUESTION);
    tally.vanished++;
    client.close();
    return;
  }
  await inTime(client.leave(), 'a goodbye', tally).catch(() => undefined);
  tally.left++;
}

/** @returns whether it was answered */
async function ask(client: LoadClient, { tally }: Surroundings, question: Buffer): Promise<boolean> {
  try {
    if (client.socket.destroyed || client.socket.readableEnded) throw new Error('closed');
    const answered = client.untilReady();
    client.socket.write(question);
    await inTime(answered, 'an answer', tally);
    tally.roundTrips++;
    return true;
  } catch {
    tally.lost++;
    client.close();
    return false;
  }
}

async function inTime<T>(work: Promise<T>, what: string, tally: Tally): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      tally.violated(`${what} took longer than ${HANG_MS} ms`);
      reject(new Error(`${what} hung`));
    }, HANG_MS);
  });
  work.catch(() => undefined);
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
