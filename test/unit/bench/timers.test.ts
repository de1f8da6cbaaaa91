import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';

import { pendingTimers } from '../../../bench/soak/timers.ts';
import { systemClock } from '../../../src/core/clock.ts';

/** Told apart from those of others by how long it waits. */
const pendingFor = (ms: number): number =>
  pendingTimers().filter((printed) => printed.includes(`_idleTimeout: ${ms},`)).length;

test('counts timers that do not keep the process alive, and none that was taken back', () => {
  expect(pendingFor(81_001)).toBe(0);
  const timers = [1, 2, 3].map(() => systemClock.after(81_001, () => undefined));
  expect(pendingFor(81_001)).toBe(3);
  timers[0]?.cancel();
  expect(pendingFor(81_001)).toBe(2);
  for (const timer of timers) timer.cancel();
  expect(pendingFor(81_001)).toBe(0);
});

test('counts no timer that has run, and one that repeats until it is stopped', async () => {
  const fired = systemClock.after(7, () => undefined);
  const ticks = new EventTarget();
  const repeated = setInterval(() => ticks.dispatchEvent(new Event('tick')), 9);
  repeated.unref();
  expect([pendingFor(7), pendingFor(9)]).toEqual([1, 1]);
  await once(ticks, 'tick');
  await once(ticks, 'tick');
  expect([pendingFor(7), pendingFor(9)]).toEqual([0, 1]);
  clearInterval(repeated);
  expect(pendingFor(9)).toBe(0);
  fired.cancel();
});

test('counts those of promises and of sockets', async () => {
  const stop = new AbortController();
  const waiting = delay(81_002, undefined, { ref: false, signal: stop.signal }).catch(() => 'stopped');
  expect(pendingFor(81_002)).toBe(1);
  stop.abort();
  expect(await waiting).toBe('stopped');
  expect(pendingFor(81_002)).toBe(0);

  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  socket.setTimeout(81_003);
  expect(pendingFor(81_003)).toBe(1);
  socket.destroy();
  server.close();
  await once(server, 'close');
  expect(pendingFor(81_003)).toBe(0);
});
