import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { FrameFollower, VERDICT, type Verdict } from '../../../src/wire/frame-follower.ts';

/** Writes down what it is shown; wants the first body byte of `Z`, stops at `X`. */
class Witness extends FrameFollower {
  readonly seen: string[] = [];

  protected override header(type: number, length: number): Verdict {
    const letter = String.fromCharCode(type);
    if (this.stopsAt(type) || length < 4) return VERDICT.stop;
    this.seen.push(`${letter}${length}`);
    return letter === 'Z' ? VERDICT.showBody : VERDICT.pass;
  }

  protected override stopsAt(type: number): boolean {
    return type === 'X'.charCodeAt(0);
  }

  protected override bodyStart(byte: number): void {
    this.seen.push(String.fromCharCode(byte));
  }
}

function message(type: string, body: Uint8Array | string): Buffer {
  const content = Buffer.from(body as string, 'latin1');
  const header = Buffer.alloc(5, type, 'latin1');
  header.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([header, content]);
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set([...places.map((place) => place % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  return ends
    .map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
    .filter((chunk) => chunk.length > 0);
}

const whole = Buffer.concat([
  message('T', 'columns'),
  message('D', ''),
  message('Z', 'I'),
  message('D', Buffer.alloc(300, 1)),
  message('Z', 'Tmore'),
  message('Z', ''),
]);
const shown = ['T11', 'D4', 'Z5', 'I', 'D304', 'Z9', 'T', 'Z4'];

describe('following messages', () => {
  test('sees every header once, wherever the stream is cut in two', () => {
    for (let at = 0; at <= whole.length; at++) {
      const follower = new Witness();
      for (const chunk of cut(whole, [at])) expect(follower.follow(chunk)).toBe(chunk.length);
      expect(follower.seen, `cut at ${at}`).toEqual(shown);
      expect(follower.atBoundary).toBe(true);
    }
  });

  test('sees the same when the stream comes byte by byte', () => {
    const follower = new Witness();
    for (const byte of whole) follower.follow(Buffer.of(byte));
    expect(follower.seen).toEqual(shown);
  });

  test('is at a boundary behind whole messages, and nowhere else', () => {
    const ends = new Set([0, 12, 17, 23, 328, 338, 343]);
    const follower = new Witness();
    for (let at = 0; at <= whole.length; at++) {
      expect(follower.atBoundary, `after ${at} bytes`).toBe(ends.has(at));
      if (at < whole.length) follower.follow(whole.subarray(at, at + 1));
    }
  });

  test('finishes the message under way and no more', () => {
    const first = message('D', Buffer.alloc(50, 2));
    const bytes = Buffer.concat([first, message('D', 'next')]);
    for (let at = 1; at < first.length; at++) {
      const follower = new Witness();
      follower.follow(bytes.subarray(0, at));
      expect(follower.finishMessage(bytes.subarray(at)), `cut at ${at}`).toBe(first.length - at);
      expect(follower.atBoundary).toBe(true);
      expect(follower.seen).toEqual(['D54']);
      follower.follow(bytes.subarray(first.length));
      expect(follower.seen).toEqual(['D54', 'D8']);
    }
  });

  test('follows messages of the largest length there is', () => {
    const header = Buffer.from('D\x7f\xff\xff\xff', 'latin1');
    const follower = new Witness();
    follower.follow(header);
    const chunk = Buffer.alloc(1024 * 1024);
    let left = 0x7fffffff - 4;
    while (left > chunk.length) {
      expect(follower.follow(chunk)).toBe(chunk.length);
      left -= chunk.length;
    }
    expect(follower.atBoundary).toBe(false);
    follower.follow(Buffer.concat([chunk.subarray(0, left), message('Z', 'I')]));
    expect(follower.seen).toEqual(['D2147483647', 'Z5', 'I']);
  });

  test('agrees with a decoder that has it all at once', () => {
    const messages = fc.array(
      fc.tuple(fc.constantFrom('Z', 'D', 'T', 'C'), fc.uint8Array({ maxLength: 40 })),
      {
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(messages, fc.array(fc.nat(1000)), (list, places) => {
        const bytes = Buffer.concat(list.map(([type, body]) => message(type, body)));
        const expected = list.flatMap(([type, body]) => {
          const header = `${type}${body.length + 4}`;
          const [first] = body;
          return type === 'Z' && first !== undefined ? [header, String.fromCharCode(first)] : [header];
        });
        const follower = new Witness();
        for (const chunk of cut(bytes, places)) follower.follow(chunk);
        expect(follower.seen).toEqual(expected);
        expect(follower.atBoundary).toBe(true);
      }),
    );
  });
});

describe('stopping', () => {
  const before = message('D', 'data');

  test('passes nothing of a message that is known by its type, however it is cut', () => {
    const bytes = Buffer.concat([before, message('X', ''), message('D', 'behind')]);
    for (let at = 1; at <= bytes.length; at++) {
      const follower = new Witness();
      let passed = 0;
      for (const chunk of cut(bytes, [at])) if (!follower.stopped) passed += follower.follow(chunk);
      expect(passed, `cut at ${at}`).toBe(before.length);
      expect(follower.stopped).toBe(true);
      expect(follower.atBoundary).toBe(true);
    }
  });

  test.each([3, 0, -1, -2147483648])('stops at the length word %i, however it is cut', (length) => {
    const malformed = Buffer.alloc(5, 'D', 'latin1');
    malformed.writeInt32BE(length, 1);
    const bytes = Buffer.concat([before, malformed, message('D', 'behind')]);
    for (let at = 1; at <= bytes.length; at++) {
      const follower = new Witness();
      let passed = 0;
      for (const chunk of cut(bytes, [at])) if (!follower.stopped) passed += follower.follow(chunk);
      expect(follower.stopped).toBe(true);
      expect(follower.seen).toEqual(['D8']);
      // of a header that came in two parts, the first had to go before the second was there
      const early = at > before.length && at < before.length + 5 ? at - before.length : 0;
      expect(passed, `cut at ${at}`).toBe(before.length + early);
    }
  });
});
