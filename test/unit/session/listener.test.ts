import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { createLog } from '../../../src/core/log.ts';
import { listen, type ListenerOptions } from '../../../src/session/listener.ts';

let nowMs = 0;
let refused: string[] = [];

beforeEach(() => {
  nowMs = 0;
  refused = [];
});

/** Holds every connection without a word. @returns its port */
async function start(options: Partial<ListenerOptions>): Promise<number> {
  const held = new Set<Socket>();
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    isProxy: () => false,
    hasRoom: () => true,
    refused: (reason) => refused.push(reason),
    limits: () => ({ max: 2, maxPerAddress: 2 }),
    backlog: 16,
    run: (socket) => {
      held.add(socket);
      return once(socket, 'close');
    },
    clock: { ...systemClock, monotonicMs: () => nowMs },
    log: createLog('silent'),
    ...options,
  });
  onTestFinished(() => {
    listener.stopAccepting();
    for (const socket of held) socket.destroy();
  });
  return listener.port;
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  return socket;
}

test('who comes while all places are taken by others who have only just come is closed, and counted', async () => {
  const port = await start({});
  const first = await open(port);
  await open(port);
  const third = await open(port);
  await once(third, 'close');
  expect(refused).toEqual(['pending']);
  const evicted = once(first, 'close');
  nowMs = 1000;
  await open(port);
  await evicted;
  expect(refused).toEqual(['pending']);
});

test('who comes when no descriptor is left is closed, and counted', async () => {
  const port = await start({ hasRoom: () => false });
  await once(await open(port), 'close');
  expect(refused).toEqual(['descriptors']);
});
