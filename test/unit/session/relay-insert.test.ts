import { describe, expect, test } from 'vitest';

import {
  ANSWER,
  leaveNoSessionBehind,
  message,
  QUERY,
  ROWS,
  startSession,
  type TestSession,
} from './relay-harness.ts';

import { settle } from './transport-harness.ts';

leaveNoSessionBehind();

const NOTICE = message('N', 'soon');
const FAREWELL = message('E', 'FATAL: revoked');

/** Brings the client `at` bytes of the engine's stream, does `act`, then brings the rest. */
async function inTheMiddle(session: TestSession, stream: Buffer, at: number, act: () => void): Promise<void> {
  session.engine.write(stream.subarray(0, at));
  await session.toClient.until(at);
  act();
  session.engine.write(stream.subarray(at));
}

/** Where messages of the stream end, and so where the first place at or behind `at` is. */
function boundary(stream: Buffer, at: number): number {
  let end = 0;
  while (end < at) end += 1 + stream.readInt32BE(end + 1);
  return end;
}

const places = Array.from({ length: ANSWER.length + 1 }, (_, at) => at);

describe('a notice', () => {
  test.each(places)('put in after %i bytes stands between two messages', async (at) => {
    const session = await startSession();
    session.client.write(QUERY);
    await session.toEngine.until(QUERY.length);
    await inTheMiddle(session, ANSWER, at, () => session.relay.inject(NOTICE));
    const end = boundary(ANSWER, at);
    const expected = Buffer.concat([ANSWER.subarray(0, end), NOTICE, ANSWER.subarray(end)]);
    expect(await session.toClient.until(expected.length)).toEqual(expected);
    session.client.end();
    await session.relay.ended;
  });

  test('several keep their order', async () => {
    const session = await startSession();
    const row = message('D', Buffer.alloc(100));
    await inTheMiddle(session, row, 50, () => {
      for (const text of ['one', 'two', 'three']) session.relay.inject(message('N', text));
    });
    const expected = Buffer.concat([row, message('N', 'one'), message('N', 'two'), message('N', 'three')]);
    expect(await session.toClient.until(expected.length)).toEqual(expected);
  });

  test('in the middle of a bulk result breaks nothing', async () => {
    const session = await startSession();
    const rows = Buffer.concat(
      Array.from({ length: 2000 }, (_, n) => message('D', Buffer.alloc(1 + ((n * 37) % 3000), n))),
    );
    const stream = Buffer.concat([rows, message('Z', 'I')]);
    session.engine.write(stream);
    let notices = 0;
    for (let at = 50_000; at < stream.length; at += 50_000) {
      await session.toClient.until(at);
      session.relay.inject(NOTICE);
      notices++;
    }
    const got = await session.toClient.until(stream.length + notices * NOTICE.length);
    const messages: Buffer[] = [];
    for (let at = 0; at < got.length;) {
      const next = at + 1 + got.readInt32BE(at + 1);
      messages.push(got.subarray(at, next));
      at = next;
    }
    expect(messages.filter((one) => one.equals(NOTICE)).length).toBe(notices);
    expect(Buffer.concat(messages.filter((one) => !one.equals(NOTICE))).equals(stream)).toBe(true);
  });

  test('after the session’s end goes nowhere', async () => {
    const session = await startSession();
    session.engine.end();
    await session.toClient.untilEnd();
    session.relay.inject(NOTICE);
    session.client.end();
    await session.relay.ended;
    expect(session.toClient.length).toBe(0);
  });
});

describe('a farewell', () => {
  test.each(places)('after %i bytes stands behind the message under way, and is the last', async (at) => {
    const session = await startSession();
    session.client.write(QUERY);
    await session.toEngine.until(QUERY.length);
    await inTheMiddle(session, ANSWER, at, () => session.relay.closeWith(FAREWELL));
    const end = boundary(ANSWER, at);
    expect(await session.toClient.untilEnd()).toEqual(Buffer.concat([ANSWER.subarray(0, end), FAREWELL]));
    session.client.end();
    const { closedBy, cause, engineReusable } = await session.relay.ended;
    expect({ closedBy, cause, engineReusable }).toEqual({
      closedBy: 'gateway',
      cause: 'closed by the gateway',
      engineReusable: false,
    });
  });

  test('behind a notice that waits too', async () => {
    const session = await startSession();
    await inTheMiddle(session, ROWS, 3, () => {
      session.relay.inject(NOTICE);
      session.relay.closeWith(FAREWELL);
      session.relay.inject(message('N', 'too late'));
    });
    const expected = Buffer.concat([ROWS.subarray(0, 12), NOTICE, FAREWELL]);
    expect(await session.toClient.untilEnd()).toEqual(expected);
    session.client.end();
    await session.relay.ended;
  });

  test('is said once', async () => {
    const session = await startSession();
    session.relay.closeWith(FAREWELL);
    session.relay.closeWith(message('E', 'again'));
    expect(await session.toClient.untilEnd()).toEqual(FAREWELL);
    session.client.end();
    await session.relay.ended;
    session.relay.closeWith(FAREWELL);
  });

  test('is not waited for longer than a while when the engine stops in the middle of a message', async () => {
    const session = await startSession({ boundaryTimeoutMs: 800 });
    const half = ROWS.subarray(0, 7);
    session.engine.write(half);
    await session.toClient.until(half.length);
    session.relay.closeWith(FAREWELL);
    session.clock.advance(799);
    expect(session.clientTransport.closed).toBe(false);
    session.clock.advance(1);
    expect(await session.relay.ended).toMatchObject({ closedBy: 'gateway', engineReusable: false });
    expect(await session.toClient.untilEnd()).toEqual(half);
  });

  test('reaches a client that is sending: its bytes are read and dropped', async () => {
    const session = await startSession();
    session.client.write(QUERY);
    await session.toEngine.until(QUERY.length);
    session.engine.write(message('G', 'copy'));
    await session.toClient.until(9);
    session.client.write(Buffer.concat([message('d', Buffer.alloc(50_000)), Buffer.from('d')]));
    session.relay.closeWith(FAREWELL);
    session.client.write(Buffer.alloc(3_000_000));
    expect((await session.toClient.untilEnd()).subarray(9)).toEqual(FAREWELL);
    await new Promise<void>((resolve) => session.client.end(resolve));
    await session.relay.ended;
  });

  test('does not wait for ever for a client that does not read', async () => {
    const session = await startSession({ closeTimeoutMs: 900 });
    session.client.pause();
    session.engine.write(message('D', Buffer.alloc(16_000_000)));
    await settle(() => session.clientTransport.queuedBytes > 0);
    session.relay.closeWith(FAREWELL);
    session.clock.advance(2000);
    await session.relay.ended;
    expect(session.clientTransport.closed).toBe(true);
  });
});
