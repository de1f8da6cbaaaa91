import { setTimeout as delay } from 'node:timers/promises';

import { LoadClient, query } from '../load/client.ts';
import type { SoakGround } from './ground.ts';
import { passBy } from './passers-by.ts';
import { judgeAdmission, judgeRefusal, refusalOf, type Attempt } from './refusals.ts';
import type { Right } from './right.ts';
import type { Tally } from './tally.ts';
import type { SoakToken, Tokens } from './tokens.ts';

type Random = (below: number) => number;

export interface Surroundings {
  readonly ground: SoakGround;
  readonly tokens: Tokens;
  readonly tally: Tally;
  /** How many round trips a session is to make on average, for as many logins and trips as are wanted in the end. */
  readonly trips: () => number;
  readonly stopping: () => boolean;
}

const QUESTION = query('SELECT 1');
const SLOW_QUESTION = query('SELECT pg_sleep(0.05)');
const LONG_QUESTION = query('SELECT pg_sleep(20)');
/** So many statements go out in one write, where it is not one. */
const MOST_AT_ONCE = 32;
const TOGETHER = Array.from({ length: MOST_AT_ONCE + 1 }, (_, n) =>
  Buffer.concat(Array<Buffer>(n).fill(QUESTION)),
);
/** RowDescription, DataRow, CommandComplete and ReadyForQuery of `SELECT 1`. */
const ANSWER_BYTES = 34 + 12 + 14 + 6;
/** Nothing that a client waits for may take longer, whatever is broken: faults last five seconds. */
const HANG_MS = 30_000;
/** From the first cancel request to the end of a statement, when nothing is broken. */
const CANCEL_LIMIT_MS = 3000;
const PAUSE_MS = 20;
/** One in so many logins, or trips. */
const RARE = { dead: 50, wrong: 100, tls: 25, vanishing: 50, passingBy: 50, cancelling: 100, together: 20 };

/** Logs in, asks, leaves; in order, or not; until it is told to stop. */
export async function visitor(around: Surroundings, random: Random): Promise<void> {
  while (!around.stopping()) {
    if (random(RARE.passingBy) === 0) await passBy(around, random);
    const client = await enter(around, random);
    if (client === null) await delay(PAUSE_MS);
    else await stay(client, around, random);
  }
}

/** Holds a session and asks now and then, until the session is ended or it is told to stop. */
export async function sitter(around: Surroundings, random: Random): Promise<void> {
  const { tokens, ground } = around;
  while (!around.stopping()) {
    const token = tokens.live[random(tokens.live.length)];
    const user = ground.users[random(ground.users.length)];
    if (token === undefined || user === undefined) continue;
    const client = await login(around, random(4) === 0 ? byPassword(user) : byToken(token, token.user.name));
    while (client !== null && !around.stopping()) {
      if (!(await ask(client, around, 1))) break;
      await delay(200);
    }
    client?.close();
    await delay(PAUSE_MS);
  }
}

interface Credentials {
  readonly user: string;
  readonly password: string;
  /** The token's id or else the user's. */
  readonly who: string;
  readonly method: string;
  readonly isWrong?: boolean;
  readonly rights: readonly Right[];
  readonly tls?: boolean;
}

const byPassword = ({ uid, name, password, right }: SoakGround['users'][number]): Credentials => ({
  user: name,
  password,
  who: uid,
  method: 'password, SCRAM',
  rights: [right],
});

const byToken = ({ tid, secret, right, user }: SoakToken, name: string): Credentials => ({
  user: name,
  password: secret,
  who: tid,
  method: 'token, SCRAM',
  rights: [right, user.right],
});

function enter(around: Surroundings, random: Random): Promise<LoadClient | null> {
  const { ground, tokens } = around;
  const user = ground.users[random(ground.users.length)];
  const dead = random(RARE.dead) === 0 ? tokens.dead[random(Math.max(1, tokens.dead.length))] : undefined;
  const token = dead ?? tokens.live[random(tokens.live.length)];
  if (user === undefined || token === undefined) return Promise.resolve(null);
  if (random(RARE.wrong) === 0) {
    return login(around, { ...byPassword(user), password: 'wrong', isWrong: true });
  }
  if (random(RARE.tls) === 0) {
    return login(around, { ...byToken(token, '$token'), method: 'token over TLS', tls: true });
  }
  if (dead === undefined && random(2) === 0) return login(around, byPassword(user));
  return login(around, byToken(token, `$token.${token.tid}`));
}

async function login(around: Surroundings, credentials: Credentials): Promise<LoadClient | null> {
  const { tally, ground } = around;
  const { user, password, who, method, isWrong = false, rights, tls = false } = credentials;
  const door = { port: ground.info.postgres.port, database: 'postgres', user, password };
  const fromMs = performance.now();
  const attempt = (): Attempt => ({ user, isWrong, rights, fromMs, toMs: performance.now() });
  try {
    const client = await inTime(LoadClient.open(door, { tls }), 'a login', tally);
    tally.logins++;
    tally.lastLoginMs = performance.now();
    tally.count(tally.acknowledged, who);
    tally.count(tally.methods, method);
    const wrong = judgeAdmission(attempt());
    if (wrong !== null) tally.violated(wrong);
    const held = { who: `${user} (${method})`, rights, openedMs: performance.now() };
    tally.endings.opened(held);
    if (client.socket.destroyed) tally.endings.closed(held);
    else client.socket.once('close', () => tally.endings.closed(held));
    return client;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const heard = refusalOf(text);
    tally.count(tally.refused, heard?.sqlState ?? text);
    if (heard === null) tally.count(tally.missed, who);
    const wrong = judgeRefusal(attempt(), heard, tally.happenings);
    if (wrong !== null) tally.violated(heard === null ? `${wrong} (${text})` : wrong);
    return null;
  }
}

async function stay(client: LoadClient, around: Surroundings, random: Random): Promise<void> {
  const { tally } = around;
  const trips = 1 + random(2 * around.trips() - 1);
  for (let n = 0; n < trips && !around.stopping(); n++) {
    const statements = random(RARE.together) === 0 ? 2 + random(MOST_AT_ONCE - 1) : 1;
    if (!(await ask(client, around, statements))) return;
  }
  if (random(RARE.cancelling) === 0 && !(await cancel(client, around))) return;
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
    tally.trips++;
    tally.statements += statements;
    return true;
  } catch {
    tally.lost++;
    client.close();
    return false;
  }
}

/** Asks for something long and has it cancelled. @returns whether the session goes on */
async function cancel(client: LoadClient, { tally, ground }: Surroundings): Promise<boolean> {
  const fromMs = performance.now();
  try {
    if (client.socket.destroyed || client.socket.readableEnded) throw new Error('closed');
    const progress = { isReady: false };
    const ready = inTime(client.untilReady(), 'a statement that was cancelled', tally).finally(
      () => (progress.isReady = true),
    );
    ready.catch(() => undefined);
    client.socket.write(LONG_QUESTION);
    // A request that comes before the statement cancels nothing, as ever with PostgreSQL.
    while (!progress.isReady) {
      await client.requestCancel(ground.info.postgres.port);
      await Promise.race([ready.catch(() => undefined), delay(100)]);
    }
    await ready;
    tally.trips++;
    tally.statements++;
    tally.cancelled++;
    const toMs = performance.now();
    const { happenings } = tally;
    const broken = happenings.near('store', fromMs, toMs) ?? happenings.near('engine', fromMs, toMs);
    if (toMs - fromMs > CANCEL_LIMIT_MS && broken === undefined) {
      tally.violated(`a statement ran on for ${Math.round(toMs - fromMs)} ms when it was cancelled`);
    }
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
      tally.violated(
        `${what} took longer than ${HANG_MS} ms, ${tally.happenings.lastBefore(performance.now())}`,
      );
      reject(new Error(`${what} hung`));
    }, HANG_MS);
  });
  work.catch(() => undefined);
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
