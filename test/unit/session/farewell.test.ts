import { expect, test } from 'vitest';
import { farewell } from '../../../src/session/farewell.ts';
import { heldClock } from '../../protocol/door.ts';
import { MemoryTransport } from '../wire/memory-transport.ts';

test('writes the last words, ends, reads on into nothing, and lets the clock go when all is over', () => {
  const [transport, clock] = [new MemoryTransport(), heldClock()];
  farewell(transport, Buffer.from('bye'), { clock });
  expect(Buffer.concat(transport.written).toString()).toBe('bye');
  expect([transport.ended, transport.destroyed, transport.paused]).toEqual([true, false, false]);
  transport.feed(Buffer.alloc(1000));
  transport.feedEnd();
  expect(transport.waiting).toBe(0);
  expect(transport.destroyed).toBe(false);
  expect(clock.pending).toBe(1);
  transport.feedClose(null);
  expect(clock.pending).toBe(0);
});

test('writes nothing when there is nothing to say', () => {
  const transport = new MemoryTransport();
  farewell(transport, Buffer.alloc(0), { clock: heldClock() });
  expect(transport.written).toEqual([]);
  expect(transport.ended).toBe(true);
});

test('who does not close in time is cut off', () => {
  const [transport, clock] = [new MemoryTransport(), heldClock()];
  farewell(transport, Buffer.from('bye'), { clock });
  clock.fire();
  expect(transport.destroyed).toBe(true);
});

test('who sends more than a megabyte after the end is cut off', () => {
  const transport = new MemoryTransport();
  farewell(transport, Buffer.from('bye'), { clock: heldClock() });
  for (let sent = 0; sent < 1_048_576; sent += 65_536) transport.feed(Buffer.alloc(65_536));
  expect(transport.destroyed).toBe(false);
  transport.feed(Buffer.alloc(1));
  expect(transport.destroyed).toBe(true);
});
