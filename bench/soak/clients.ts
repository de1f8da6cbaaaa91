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
  /** How many statements a session is to ask on average, for as many logins and statements as are wanted in the end. */
  readonly statements: () => number;
  readonly stopping: () => boolean;
}

const QUESTION = query('SELECT 1');
const SLOW_QUESTION = query('SELECT pg_sleep(0.05)');
/** So many statements go out in one write. */
const MOST_AT_ONCE = 32;
const TOGETHER = Array.from({ length: MOST_AT_ONCE + 1 }, (_, n) =>
  Buffer.concat(Array<Buffer>(n).fill(QUESTION)),
);
/** RowDescription, DataRow, CommandComplete and ReadyForQuery of `SELECT 1`. */
const ANSWER_BYTES = 34 + 12 + 14 + 6;
/** Nothing that a client waits for may take longer, whatever is broken: faults last two seconds. */
const HANG_MS = 30_000;
/** From the answer to a revocation to the end of the token's sessions, when the gateway is cut off from its store meanwhile. */
const REVOCATION_LIMIT_MS = 15_000;
const PAUSE_MS = 20;
/** One in so many logins. */
const RARE = { dead: 50, wrong: 100, tls: 25, vanishing: 50 };

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
  const { tokens, tally } = around;
  while (!around.stopping()) {
    const token = tokens.live[random(tokens.live.length)];
    if (token === undefined) continue;
    const client = await login(around, { user: token.user.name, password: token.secret, token });
    while (client !== null && !around.stopping()) {
      const asked = await ask(client, around, 1);
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

interface Credentials {
  readonly user: string;
  readonly password: string;
  readonly token: SoakToken | null;
  readonly tls?: boolean;
}

function enter(around: Surroundings, random: Random): Promise<LoadClient | null> {
  const { ground, tokens } = around;
  const user = ground.users[random(ground.users.length)];
  const dead = random(RARE.dead) === 0 ? tokens.dead[random(Math.max(1, tokens.dead.length))] : undefined;
  const token = dead ?? tokens.live[random(tokens.live.length)];
  if (user === undefined || token === undefined) return Promise.resolve(null);
  if (random(RARE.wrong) === 0) {
    return login(around, { user: user.name, password: 'wrong', token: null });
  }
  if (random(RARE.tls) === 0) {
    return login(around, { user: '$token', password: token.secret, token, tls: true });
  }
  if (dead === undefined && random(2) === 0) {
    return login(around, { user: user.name, password: user.password, token: null });
  }
  return login(around, { user: `$token.${token.tid}`, password: token.secret, token });
}

async function login(around: Surroundings, credentials: Credentials): Promise<LoadClient | null> {
  const { tally, ground } = around;
  const { user, password, token, tls = false } = credentials;
  const revokedBefore = token !== null && token.revokedAtMs !== null;
  const door = { port: ground.info.postgres.port, database: 'postgres', user, password };
  try {
    const client = await inTime(LoadClient.open(door, { tls }), 'a login', tally);
    tally.logins++;
    const who = token?.tid ?? ground.users.find(({ name }) => name === user)?.uid ?? user;
    tally.count(tally.acknowledged, who);
    tally.count(tally.methods, tls ? 'token over TLS' : token === null ? 'password, SCRAM' : 'token, SCRAM');
    if (revokedBefore) tally.violated('a login by a token that was revoked before');
    if (password === 'wrong') tally.violated('a login by a wrong password');
    return client;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    tally.count(tally.refused, / C([0-9A-Z]{5}) /.exec(text)?.[1] ?? text);
    return null;
  }
}

async function stay(client: LoadClient, around: Surroundings, random: Random): Promise<void> {
  const { tally } = around;
  let left = 1 + random(2 * around.statements());
  while (left > 0) {
    const now = Math.min(left, 1 + random(MOST_AT_ONCE));
    if (!(await ask(client, around, now))) return;
    left -= now;
  }
  if (random(RARE.vanishing) === 0) {
    client.socket.write(SLOW_QUESTION);
    tally.vanished++;
    client.close();
    return;
  }
  await inTime(client.leave(), 'a goodbye', tally).catch(() => undefined);
  tally.left++;
}

/** @returns whether all were answered */
async function ask(client: LoadClient, { tally }: Surroundings, statements: number): Promise<boolean> {
  try {
    if (client.socket.destroyed || client.socket.readableEnded) throw new Error('closed');
    const answered = client.answered(TOGETHER[statements] ?? QUESTION, statements * ANSWER_BYTES);
    await inTime(answered, 'an answer', tally);
    tally.trips += statements;
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
