import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { LoadClient } from '../load/client.ts';
import type { Surroundings } from './clients.ts';

type Random = (below: number) => number;

/** A login is over by then, mostly. */
const LOGIN_MS = 30;
const HALF_OPEN_MS = 2000;
/** The first bytes of a start-up packet, of an SSLRequest and of a ClientHello. */
const BEGINNINGS = ['000000290003', '0000000804d2', '16030100c8'].map((bytes) => Buffer.from(bytes, 'hex'));

/**
 * Comes to the door and goes again: before a word, in the middle of one, after standing there for a while, or at any point of a
 * login. Those log in as a user of their own, since nobody knows how far they came.
 */
export async function passBy({ ground, tally }: Surroundings, random: Random): Promise<void> {
  tally.passedBy++;
  const { port } = ground.info.postgres;
  if (random(2) === 0) {
    const { name, password, uid } = ground.passer;
    tally.count(tally.missed, uid);
    const leaveMs = random(LOGIN_MS);
    const onConnect = (destroy: () => void): void => void setTimeout(destroy, leaveMs);
    const login = LoadClient.open({ port, database: 'postgres', user: name, password }, { onConnect });
    await login.then((client) => client.close()).catch(() => undefined);
    return;
  }
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const beginning = BEGINNINGS[random(BEGINNINGS.length + 1)];
  if (beginning !== undefined) socket.write(beginning);
  await Promise.race([delay(random(2) === 0 ? 0 : HALF_OPEN_MS), closed]);
  if (random(2) === 0) socket.end();
  else socket.resetAndDestroy();
  await Promise.race([delay(HALF_OPEN_MS), closed]);
  socket.destroy();
}
