import type { Socket } from 'node:net';

import { describe, expect, test } from 'vitest';

import { relay } from '../../../src/session/relay.ts';
import { MessageReader } from '../../../src/wire/message-reader.ts';
import {
  ANSWER,
  leaveNoSessionBehind,
  ManualClock,
  message,
  QUERY,
  ROWS,
  startSession,
  TERMINATE,
  type TestSession,
} from './relay-harness.ts';
import { accepted, Inbox, settle } from './transport-harness.ts';

leaveNoSessionBehind();

/** Sends a query and waits until the engine has it. */
async function ask(session: TestSession, query: Buffer = QUERY): Promise<void> {
  const before = session.toEngine.length;
  session.client.write(query);
  await session.toEngine.until(before + query.length);
}

/** Answers, and waits until the client has it. */
async function answer(session: TestSession, bytes: Buffer = ANSWER): Promise<void> {
  const before = session.toClient.length;
  session.engine.write(bytes);
  await session.toClient.until(before + bytes.length);
}

const inTransaction = Buffer.concat([message('C', 'BEGIN\0'), message('Z', 'T')]);

describe('a running session', () => {
  test('carries questions and answers, and says where it stands', async () => {
    const session = await startSession();
    expect(session.relay.state).toBe('idle');
    await ask(session);
    expect(session.relay.state).toBe('busy');
    await answer(session, ROWS);
    expect(session.relay.state).toBe('busy');
    await answer(session, inTransaction);
    expect(session.relay).toMatchObject({ state: 'idle', transactionStatus: 'T' });
    await ask(session);
    await answer(session, message('Z', 'E'));
    expect(session.relay).toMatchObject({ state: 'idle', transactionStatus: 'E' });
    expect(session.toEngine.bytes).toEqual(Buffer.concat([QUERY, QUERY]));
    expect(session.toClient.bytes).toEqual(Buffer.concat([ROWS, inTransaction, message('Z', 'E')]));
    expect(session.relay.bytesFromClient).toBe(2 * QUERY.length);
    expect(session.relay.bytesFromEngine).toBe(session.toClient.length);
  });

  test('is busy while half a message has come from the client', async () => {
    const session = await startSession();
    await ask(session, QUERY.subarray(0, 3));
    expect(session.relay.state).toBe('busy');
  });

  test('begins with what the login left over', async () => {
    const notice = message('N', 'early');
    const session = await startSession({ clientLeftover: QUERY, engineLeftover: notice });
    expect(await session.toEngine.until(QUERY.length)).toEqual(QUERY);
    expect(await session.toClient.until(notice.length)).toEqual(notice);
    expect(session.relay.state).toBe('busy');
  });

  test('ends at once when the login left Terminate over', async () => {
    const session = await startSession({ clientLeftover: TERMINATE });
    expect(await session.relay.ended).toMatchObject({
      cause: 'terminate',
      engineReusable: true,
      untouched: true,
    });
  });

  test('knows when a byte last came', async () => {
    const session = await startSession();
    session.clock.advance(1000);
    expect(session.relay.lastActivityMs).toBe(0);
    await ask(session);
    expect(session.relay.lastActivityMs).toBe(1000);
    session.clock.advance(500);
    expect(session.relay.lastActivityMs).toBe(1000);
    await answer(session);
    expect(session.relay.lastActivityMs).toBe(1500);
  });

  test('tells when it becomes idle', async () => {
    const session = await startSession();
    const calls: string[] = [];
    session.relay.whenIdle(() => calls.push('at once'));
    await ask(session, Buffer.concat([QUERY, QUERY]));
    session.relay.whenIdle(() => calls.push('replaced'));
    session.relay.whenIdle(() => calls.push('later'));
    await answer(session);
    expect(calls).toEqual(['at once']);
    await answer(session);
    expect(calls).toEqual(['at once', 'later']);
    await ask(session);
    await answer(session);
    expect(calls).toEqual(['at once', 'later']);
  });

  test('passes nothing more of a frozen client on, but the answers', async () => {
    const session = await startSession();
    await ask(session);
    session.relay.freezeClient();
    session.client.write(QUERY);
    await answer(session);
    await answer(session);
    expect(session.toEngine.length).toBe(QUERY.length);
    session.relay.closeWith(message('E', 'why'));
    expect((await session.toClient.untilEnd()).subarray(-8)).toEqual(message('E', 'why'));
    session.client.end();
    await session.relay.ended;
    expect(session.toEngine.length).toBe(QUERY.length);
  });
});

describe('Terminate', () => {
  test('gives a clean engine session back, and does not reach it', async () => {
    const session = await startSession();
    await ask(session);
    await answer(session);
    session.client.write(TERMINATE);
    expect(await session.relay.ended).toEqual({
      closedBy: 'client',
      cause: 'terminate',
      engineReusable: true,
      parametersChanged: false,
      untouched: false,
      bytesFromClient: QUERY.length + TERMINATE.length,
      bytesFromEngine: ANSWER.length,
    });
    await session.toClient.untilEnd();
    expect(session.toEngine.length).toBe(QUERY.length);
    session.client.end();
  });

  test('is known by its first byte', async () => {
    const session = await startSession();
    session.client.write(TERMINATE.subarray(0, 1));
    expect(await session.relay.ended).toMatchObject({ cause: 'terminate', engineReusable: true });
    session.client.end(TERMINATE.subarray(1));
    await session.toClient.untilEnd();
    expect(session.toEngine.length).toBe(0);
  });

  test('right behind a query waits for its answer', async () => {
    const session = await startSession();
    session.client.end(Buffer.concat([QUERY, TERMINATE, message('Q', 'never')]));
    await session.toEngine.until(QUERY.length);
    session.engine.write(ROWS);
    await session.toClient.until(ROWS.length);
    session.engine.write(message('Z', 'I'));
    expect(await session.relay.ended).toMatchObject({ cause: 'terminate', engineReusable: true });
    expect((await session.toClient.untilEnd()).length).toBe(ROWS.length + 6);
    expect(session.toEngine.bytes).toEqual(QUERY);
  });

  test('right behind a query, and the client breaks off before the answer', async () => {
    const session = await startSession();
    session.client.write(Buffer.concat([QUERY, TERMINATE]));
    await session.toEngine.until(QUERY.length);
    session.resetClient();
    expect(await session.relay.ended).toMatchObject({ cause: 'terminate', engineReusable: false });
  });

  test('right behind a query waits as long as the answer goes on', async () => {
    const session = await startSession({ afterLeavingTimeoutMs: 700 });
    session.client.write(Buffer.concat([QUERY, TERMINATE]));
    await session.toEngine.until(QUERY.length);
    for (let n = 1; n <= 3; n++) {
      session.clock.advance(600);
      session.engine.write(ROWS);
      await session.toClient.until(n * ROWS.length);
    }
    session.engine.write(message('Z', 'I'));
    expect(await session.relay.ended).toMatchObject({ cause: 'terminate', engineReusable: true });
  });

  test.each([
    ['stays', (): void => undefined],
    ['closes', (client: Socket): void => void client.end()],
  ])('right behind a query to an engine that is silent is the end; the client %s', async (_what, leave) => {
    const session = await startSession({ afterLeavingTimeoutMs: 700 });
    session.client.write(Buffer.concat([QUERY, TERMINATE]));
    leave(session.client);
    await session.toEngine.until(QUERY.length);
    await settle(() => session.clock.waiting === 1);
    session.clock.advance(699);
    expect(session.clientTransport.closed).toBe(false);
    expect(session.clock.waiting).toBe(1);
    session.clock.advance(1);
    expect(await session.relay.ended).toMatchObject({
      closedBy: 'client',
      cause: 'terminate',
      engineReusable: false,
    });
    expect(session.relay.state).toBe('busy');
  });

  const unclean: [string, Buffer, Buffer][] = [
    ['in a transaction', QUERY, inTransaction],
    ['in a failed transaction', QUERY, Buffer.concat([message('E', 'no'), message('Z', 'E')])],
    ['with an extended query not ended', message('P', 'parse'), message('1')],
    ['after a message of an unknown type', Buffer.concat([message('!'), QUERY]), ANSWER],
  ];
  test.each(unclean)('gives no engine session back %s', async (_when, question, reply) => {
    const session = await startSession();
    await ask(session, question);
    await answer(session, reply);
    session.client.end(TERMINATE);
    expect(await session.relay.ended).toMatchObject({ cause: 'terminate', engineReusable: false });
  });

  test('gives no engine session back that is in the middle of a notice', async () => {
    const session = await startSession();
    await answer(session, message('N', 'notice').subarray(0, 7));
    session.client.end(TERMINATE);
    expect(await session.relay.ended).toMatchObject({ cause: 'terminate', engineReusable: false });
  });

  test('says whether the engine changed a setting', async () => {
    const session = await startSession();
    await answer(session, message('S', 'TimeZone\0UTC\0'));
    session.client.end(TERMINATE);
    expect(await session.relay.ended).toMatchObject({
      engineReusable: true,
      parametersChanged: true,
      untouched: false,
    });
  });

  test('leaves an engine connection that works for others', async () => {
    const first = await startSession();
    await ask(first);
    await answer(first);
    first.client.end(TERMINATE);
    await first.relay.ended;
    first.engine.write(message('N', 'between'));
    const reader = new MessageReader(first.engineTransport, { maxLength: 100 });
    expect((await reader.next())?.body.toString()).toBe('between');
    first.engineTransport.write(QUERY);
    await first.toEngine.until(2 * QUERY.length);
    const client = await accepted();
    const second = relay(
      { transport: client.transport, leftover: Buffer.alloc(0) },
      { transport: first.engineTransport, leftover: reader.release() },
      { clock: new ManualClock() },
    );
    client.peer.write(QUERY);
    await first.toEngine.until(3 * QUERY.length);
    first.engine.write(ANSWER);
    const inbox = new Inbox(client.peer);
    expect(await inbox.until(ANSWER.length)).toEqual(ANSWER);
    client.peer.end(TERMINATE);
    expect(await second.ended).toMatchObject({ engineReusable: true });
  });
});

describe('a client that closes', () => {
  test('while nothing is in flight gives the engine session back', async () => {
    const session = await startSession();
    await ask(session);
    await answer(session);
    session.client.end();
    expect(await session.relay.ended).toMatchObject({
      closedBy: 'client',
      cause: 'client closed',
      engineReusable: true,
    });
    await session.toClient.untilEnd();
  });

  test('only its half, while a query runs, gets the answer', async () => {
    const session = await startSession();
    session.client.end(QUERY);
    expect(await session.toEngine.untilEnd()).toEqual(QUERY);
    session.clock.advance(1500);
    session.engine.write(ROWS);
    await session.toClient.until(ROWS.length);
    session.clock.advance(1500);
    session.engine.end(message('C', 'done'));
    const end = await session.relay.ended;
    expect(end).toMatchObject({ closedBy: 'client', cause: 'client closed', engineReusable: false });
    expect((await session.toClient.untilEnd()).length).toBe(ROWS.length + 9);
  });

  test('while a query runs, and the engine stays silent, is lost', async () => {
    const session = await startSession({ afterLeavingTimeoutMs: 700 });
    session.client.end(QUERY);
    await session.toEngine.untilEnd();
    session.clock.advance(699);
    expect(session.relay.state).toBe('busy');
    session.clock.advance(1);
    const end = await session.relay.ended;
    expect(end).toMatchObject({ closedBy: 'client', cause: 'client lost', engineReusable: false });
    expect(session.relay.state).toBe('busy');
  });

  test('in the middle of a message ends the engine’s side too', async () => {
    const session = await startSession();
    session.client.end(QUERY.subarray(0, 7));
    expect(await session.toEngine.untilEnd()).toEqual(QUERY.subarray(0, 7));
    session.engine.end();
    expect(await session.relay.ended).toMatchObject({ closedBy: 'client', engineReusable: false });
  });
});

describe('a client that breaks off', () => {
  test('while nothing is in flight', async () => {
    const session = await startSession();
    await ask(session);
    await answer(session);
    session.resetClient();
    const end = await session.relay.ended;
    expect(end).toMatchObject({ closedBy: 'client', cause: 'client lost', engineReusable: true });
    expect(session.relay.state).toBe('idle');
  });

  test('while a query runs', async () => {
    const session = await startSession();
    await ask(session);
    await answer(session, ROWS);
    session.resetClient();
    const end = await session.relay.ended;
    expect(end).toMatchObject({ closedBy: 'client', cause: 'client lost', engineReusable: false });
    expect(session.relay.state).toBe('busy');
  });

  test('in the middle of COPY IN', async () => {
    const session = await startSession();
    await ask(session);
    await answer(session, message('G', 'copy'));
    const data = message('d', Buffer.alloc(100_000));
    session.client.write(data.subarray(0, 60_000));
    await session.toEngine.until(QUERY.length + 60_000);
    session.resetClient();
    expect(await session.relay.ended).toMatchObject({ cause: 'client lost', engineReusable: false });
  });

  test('in the middle of a result that it did not read', async () => {
    const session = await startSession();
    await ask(session);
    session.client.pause();
    const big = message('D', Buffer.alloc(16_000_000));
    session.engine.write(big);
    await settle(() => session.clientTransport.queuedBytes > 0);
    session.resetClient();
    const end = await session.relay.ended;
    expect(end).toMatchObject({ closedBy: 'client', cause: 'client lost', engineReusable: false });
    expect(end.bytesFromEngine).toBeLessThan(big.length);
  });
});

describe('an engine that ends the session', () => {
  test('has its last words delivered', async () => {
    const session = await startSession();
    await ask(session);
    const last = Buffer.concat([ROWS, message('E', 'FATAL')]);
    session.engine.end(last);
    expect(await session.toClient.untilEnd()).toEqual(last);
    session.client.end();
    const end = await session.relay.ended;
    expect(end).toMatchObject({ closedBy: 'engine', cause: 'engine closed', engineReusable: false });
  });

  test('has all of a large result delivered to a slow client first', async () => {
    const session = await startSession();
    await ask(session);
    session.client.pause();
    const big = message('D', Buffer.alloc(16_000_000, 'x'));
    session.engine.end(big);
    await settle(() => session.clientTransport.queuedBytes > 0);
    session.client.resume();
    expect((await session.toClient.untilEnd()).equals(big)).toBe(true);
    session.client.end();
    expect(await session.relay.ended).toMatchObject({ closedBy: 'engine', cause: 'engine closed' });
  });

  test('by a reset closes the client', async () => {
    const session = await startSession();
    await ask(session);
    session.resetEngine();
    await session.toClient.untilEnd();
    session.client.end();
    expect(await session.relay.ended).toMatchObject({ closedBy: 'engine', cause: 'engine lost' });
  });

  test('with a message that is none closes the client behind the last good one', async () => {
    const session = await startSession();
    await ask(session);
    session.engine.write(Buffer.concat([ROWS, Buffer.from('D\0\0\0\x03xxx', 'latin1')]));
    expect(await session.toClient.untilEnd()).toEqual(ROWS);
    session.client.end();
    expect(await session.relay.ended).toMatchObject({ closedBy: 'engine', cause: 'engine malformed' });
  });

  test('while the client sends says what it said', async () => {
    const session = await startSession();
    await ask(session);
    await answer(session, message('G', 'copy'));
    const fatal = message('E', 'FATAL: terminating');
    session.engine.pause();
    session.client.write(message('d', Buffer.alloc(100_000)));
    session.engine.write(fatal);
    session.engine.end();
    await session.toClient.until(9 + fatal.length);
    session.engine.destroy();
    session.client.write(message('d', Buffer.alloc(100_000)));
    const got = await session.toClient.untilEnd();
    expect(got.subarray(9)).toEqual(fatal);
    session.client.end();
    expect(await session.relay.ended).toMatchObject({ closedBy: 'engine' });
  });

  test('and a client that does not close in turn is cut off after a while', async () => {
    const session = await startSession({ closeTimeoutMs: 900 });
    session.engine.end();
    await session.toClient.untilEnd();
    session.clock.advance(899);
    expect(session.clientTransport.closed).toBe(false);
    session.clock.advance(1);
    expect(session.clientTransport.closed).toBe(true);
    expect(await session.relay.ended).toMatchObject({ closedBy: 'engine' });
  });
});

describe('a client that sends what is no message', () => {
  const malformed = Buffer.from('Q\0\0\0\x03xxx', 'latin1');

  test('is told so, and the engine gets nothing of it', async () => {
    const session = await startSession();
    session.client.write(Buffer.concat([QUERY, malformed]));
    const told = (await session.toClient.untilEnd()).toString('latin1');
    expect(told).toMatch(/^E.*FATAL\0.*08P01\0.*invalid message length/s);
    expect(await session.toEngine.until(QUERY.length)).toEqual(QUERY);
    session.client.end();
    const end = await session.relay.ended;
    expect(end).toMatchObject({ closedBy: 'gateway', cause: 'client malformed', engineReusable: false });
    expect(session.toEngine.length).toBe(QUERY.length);
  });

  test('is told so behind the message that the engine is sending', async () => {
    const session = await startSession();
    await ask(session);
    const row = message('D', Buffer.alloc(1000));
    await answer(session, row.subarray(0, 500));
    session.client.write(malformed);
    await new Promise((resolve) => setImmediate(resolve));
    session.engine.write(row.subarray(500));
    const told = await session.toClient.untilEnd();
    expect(told.subarray(0, row.length)).toEqual(row);
    expect(told.toString('latin1', row.length)).toMatch(/^E.*08P01/s);
    session.client.end();
    expect(await session.relay.ended).toMatchObject({ cause: 'client malformed' });
  });
});
