/** `storm-process ORDER`: logs in so often a second, with right and wrong secrets, until it is stopped; each line asks how often. */
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';

import type { Door } from '../targets/target.ts';
import { LoadClient } from './client.ts';

export interface StormOrder {
  readonly perSecond: number;
  /** By SCRAM, in the clear. */
  readonly password: Door;
  /** Over TLS; null where there are no tokens. */
  readonly token: Door | null;
}

const TICK_MS = 10;
/** A target that is this far behind gets no more for the moment. */
const MOST_AT_ONCE = 400;

const order = JSON.parse(process.argv[2] ?? '') as StormOrder;
const { password, token } = order;

/** Of five logins, three are good. */
const KINDS: readonly (() => Promise<LoadClient>)[] = [
  () => LoadClient.open(password),
  () => (token === null ? LoadClient.open(password) : LoadClient.open(token, { tls: true })),
  () => LoadClient.open(password),
  () => LoadClient.open({ ...password, password: 'wrong' }),
  () => LoadClient.open({ ...password, user: token === null ? 'nobody' : `$token.${randomUUID()}` }),
];

let started = 0;
let finished = 0;
const beganMs = performance.now();

setInterval(() => {
  const due = ((performance.now() - beganMs) / 1000) * order.perSecond;
  for (; started < due; started++) {
    if (started - finished < MOST_AT_ONCE) void logIn(started);
    else finished++;
  }
}, TICK_MS);

let logins = 0;

async function logIn(number: number): Promise<void> {
  try {
    const client = await (KINDS[number % KINDS.length] ?? KINDS[0])?.();
    await client?.leave();
  } catch {
    // two of five are refused
  } finally {
    finished++;
    logins++;
  }
}

createInterface({ input: process.stdin })
  .on('line', () => console.log(logins))
  // Whoever began it has gone, and cannot stop it any more.
  .on('close', () => process.exit());
console.log(0);
