import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteQueue } from '../../../src/wire/byte-queue.ts';

test('what goes in comes out, however it is pushed and taken', () => {
  const step = fc.oneof(
    fc.record({ push: fc.uint8Array({ maxLength: 700 }) }),
    fc.record({ take: fc.nat({ max: 900 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const queue = new ByteQueue();
      let model = Buffer.alloc(0);
      for (const action of steps) {
        if ('push' in action) {
          queue.push(action.push);
          model = Buffer.concat([model, action.push]);
        } else {
          const count = Math.min(action.take, model.length);
          expect(queue.take(count).equals(model.subarray(0, count))).toBe(true);
          model = model.subarray(count);
        }
        expect(queue.length).toBe(model.length);
        if (model.length >= 4)
          expect(queue.int32At(model.length - 4)).toBe(model.readInt32BE(model.length - 4));
      }
      expect(queue.takeAll().equals(model)).toBe(true);
    }),
  );
});

test('what was taken does not change when more is pushed', () => {
  const queue = new ByteQueue();
  queue.push(Buffer.from('abcdef'));
  const taken = queue.take(3);
  queue.push(Buffer.alloc(600, 0x7a));
  expect(taken.toString()).toBe('abc');
});

test('a million single bytes cost linear time', () => {
  const queue = new ByteQueue();
  const byte = Buffer.of(1);
  for (let count = 0; count < 1_000_000; count += 1) queue.push(byte);
  expect(queue.length).toBe(1_000_000);
});
