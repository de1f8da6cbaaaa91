import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Upstream } from '../../../src/upstream/open.ts';
import { FakeClock } from './fake-clock.ts';
import {
  AUTHENTICATION_OK,
  BACKEND_KEY_DATA,
  errorResponse,
  int32,
  message,
  READY,
  scriptedEngine,
  type Peer,
  type ScriptedEngine,
} from './scripted.ts';
import { open, principal, upstreamOf } from './support.ts';

const CANCEL_REQUEST = Buffer.concat([int32(80877102), int32(4711), int32(815)]);
const GREETING = [message('S', 'server_version', '18.0'), message('S', 'odd."name', 'old')];

/** How an engine answers a simple query; null: not at all. */
type Answering = (sql: string) => readonly Buffer[] | null;

function complete(tag: string): Buffer[] {
  return [message('C', tag), READY];
}

function shown(value: string): Buffer[] {
  const row = Buffer.concat([Buffer.of(0, 1), int32(Buffer.byteLength(value)), Buffer.from(value)]);
  return [message('T', Buffer.of(0, 0)), message('D', row), message('C', 'SHOW')];
}

function well(sql: string): readonly Buffer[] {
  if (sql.startsWith('SHOW')) return [...shown('18.0'), ...shown('new'), READY];
  if (sql === '') return [message('I'), READY];
  return complete(sql === 'RESET ROLE' ? 'RESET' : sql);
}

let clock: FakeClock;
let engine: ScriptedEngine;
let upstream: Upstream;
let queries: string[];
let cancels: { peer: Peer; packet: Buffer }[];
let answering: Answering;
/** Said behind the first ReadyForQuery. */
let trailing: Buffer[];
let peers: Peer[];
let terminated: Peer[];
beforeEach(async () => {
  clock = new FakeClock();
  queries = [];
  cancels = [];
  peers = [];
  terminated = [];
  answering = well;
  trailing = [];
  engine = await scriptedEngine(async (peer) => {
    const packet = await peer.packet();
    if (packet.subarray(0, 4).equals(int32(80877102))) {
      cancels.push({ peer, packet });
      return;
    }
    peers.push(peer);
    peer.write(AUTHENTICATION_OK, ...GREETING, BACKEND_KEY_DATA, READY, ...trailing);
    for (;;) {
      const { type, body } = await peer.message();
      if (type === 'X') break;
      const sql = body.subarray(0, -1).toString();
      queries.push(sql);
      peer.write(...(answering(sql) ?? []));
    }
    terminated.push(peer);
    peer.socket.end();
  });
  const url = `postgres://r@127.0.0.1:${engine.port}/db?sslmode=disable`;
  upstream = await upstreamOf({ url }, { deps: { clock } });
});
afterEach(async () => {
  const closing = upstream.close();
  clock.advance(60_000);
  await closing;
  expect(clock.waiting).toBe(0);
  await engine.close();
});

/** Opens a session, gives it back, and tells whether it is kept. */
async function kept(parametersChanged?: boolean): Promise<boolean> {
  const session = await open(upstream);
  upstream.giveBack(session, {
    reusable: true,
    ...(parametersChanged === undefined ? {} : { parametersChanged }),
  });
  await expect.poll(() => upstream.stats()[0]?.resetting).toBe(0);
  return upstream.stats()[0]?.idle === 1;
}

describe('a reset', () => {
  it('sends utility statements only, and asks for parameters that may have changed', async () => {
    expect(await kept()).toBe(true);
    expect(queries).toEqual(['DISCARD ALL', 'RESET ROLE', 'SHOW "server_version";SHOW "odd"."""name"']);
    const session = await open(upstream);
    expect(session.fresh).toBe(false);
    expect(session.greeting).toEqual(Buffer.concat([GREETING[0] ?? READY, message('S', 'odd."name', 'new')]));
    upstream.giveBack(session, { reusable: false });
  });

  it('does not ask when it is known that none changed', async () => {
    expect(await kept(false)).toBe(true);
    expect(queries).toEqual(['DISCARD ALL', 'RESET ROLE']);
  });

  it('takes up what the engine reports by itself, whatever else it says meanwhile', async () => {
    const report = message('S', 'server_version', '18.1');
    const notice = message('N', 'SNOTICE', 'VNOTICE', 'C00000', 'Mhello', Buffer.of(0));
    const notification = message('A', int32(1), 'channel', 'payload');
    answering = (sql) => [notification, notice, report, ...well(sql)];
    expect(await kept(false)).toBe(true);
    const session = await open(upstream);
    expect(session.greeting).toEqual(Buffer.concat([report, GREETING[1] ?? READY]));
    upstream.giveBack(session, { reusable: false });
  });

  it.each<[string, Answering]>([
    ['an error', () => [errorResponse('25001', 'DISCARD ALL cannot run inside a transaction block'), READY]],
    ['another command', () => complete('DISCARD')],
    ['an open transaction', () => [message('C', 'DISCARD ALL'), message('Z', Buffer.from('T'))]],
    ['rows', () => [...shown('x'), READY]],
    ['ReadyForQuery alone', () => [READY]],
    ['nonsense', () => [Buffer.from('nonsense, and a lot of it')]],
    ['one answer too many', (sql) => [...well(sql), ...(sql.startsWith('SHOW') ? [READY] : [])]],
    [
      'half an answer too many',
      (sql) => [...well(sql), ...(sql.startsWith('SHOW') ? [READY.subarray(0, 3)] : [])],
    ],
    ['a length under 4', () => [Buffer.from('4300000003', 'hex')]],
    ['a gigabyte', () => [Buffer.from('4440000000', 'hex')]],
    [
      'an error to RESET ROLE',
      (sql) => (sql === 'RESET ROLE' ? [errorResponse('42501', 'no'), READY] : well(sql)),
    ],
    [
      'an error to SHOW',
      (sql) => (sql.startsWith('SHOW') ? [errorResponse('42704', 'no'), READY] : well(sql)),
    ],
    [
      'no value',
      (sql) =>
        sql.startsWith('SHOW') ? [message('T', Buffer.of(0, 0)), message('C', 'SHOW'), READY] : well(sql),
    ],
    ['one value too few', (sql) => (sql.startsWith('SHOW') ? [...shown('18.0'), READY] : well(sql))],
    [
      'NULL',
      (sql) =>
        sql.startsWith('SHOW')
          ? [
              message('T', Buffer.of(0, 0)),
              message('D', Buffer.of(0, 1), int32(-1)),
              message('C', 'SHOW'),
              READY,
            ]
          : well(sql),
    ],
  ])('answered by %s ends the session', async (_what, answer) => {
    answering = answer;
    expect(await kept()).toBe(false);
    expect(upstream.stats()[0]).toMatchObject({ lent: 0, idle: 0, resetting: 0 });
    await peers[0]?.closed();
  });

  it('that is not answered ends the session in time, and a login does not wait for it', async () => {
    answering = () => null;
    upstream.giveBack(await open(upstream), { reusable: true });
    const opening = open(upstream);
    await expect.poll(() => queries.length).toBeGreaterThan(0);
    clock.advance(200);
    expect((await opening).fresh).toBe(true);
    expect(upstream.stats()[0]?.resetting).toBe(1);
    clock.advance(10_000);
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ resetting: 0, idle: 0 });
    upstream.giveBack(await opening, { reusable: false });
  });

  it('hands the session to a login that waits, each to one', async () => {
    const first = await Promise.all([open(upstream), open(upstream)]);
    for (const session of first) upstream.giveBack(session, { reusable: true });
    const second = await Promise.all([open(upstream), open(upstream), open(upstream)]);
    expect(second.map(({ fresh }) => fresh).sort()).toEqual([false, false, true]);
    for (const session of second) upstream.giveBack(session, { reusable: false });
  });

  it('that fails sends the login that waits to open another', async () => {
    answering = () => [errorResponse('XX000', 'no'), READY];
    upstream.giveBack(await open(upstream), { reusable: true });
    const session = await open(upstream);
    expect(session.fresh).toBe(true);
    upstream.giveBack(session, { reusable: false });
  });

  it('whose login has left meanwhile keeps the session', async () => {
    const leaving = new AbortController();
    upstream.giveBack(await open(upstream), { reusable: true });
    const opening = open(upstream, { signal: leaving.signal });
    leaving.abort(new Error('the client left'));
    await expect(opening).rejects.toThrow('the client left');
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ lent: 0, idle: 1 });
  });
});

describe('an idle session', () => {
  it('is asked whether it is still there when it was idle for long', async () => {
    expect(await kept()).toBe(true);
    clock.advance(29_000);
    upstream.giveBack(await open(upstream), { reusable: true });
    await expect.poll(() => upstream.stats()[0]?.idle).toBe(1);
    expect(queries).not.toContain('');
    clock.advance(31_000);
    const session = await open(upstream);
    expect(session.fresh).toBe(false);
    expect(queries.at(-1)).toBe('');
    upstream.giveBack(session, { reusable: false });
  });

  it('is replaced when it does not answer', async () => {
    expect(await kept()).toBe(true);
    clock.advance(31_000);
    answering = () => null;
    const opening = open(upstream);
    await expect.poll(() => queries.at(-1)).toBe('');
    clock.advance(1000);
    const session = await opening;
    expect(session.fresh).toBe(true);
    upstream.giveBack(session, { reusable: false });
  });

  it('that speaks out of turn is dropped', async () => {
    expect(await kept()).toBe(true);
    peers[0]?.write(GREETING[0] ?? READY);
    await expect.poll(() => upstream.stats()[0]?.idle).toBe(0);
    await peers[0]?.closed();
  });

  it('is closed with Terminate when its time is over', async () => {
    expect(await kept()).toBe(true);
    clock.advance(60_000);
    expect(upstream.stats()[0]?.idle).toBe(0);
    await expect.poll(() => terminated.length).toBe(1);
  });
});

describe('a session opened ahead', () => {
  it('is not kept when the engine has said more than its greeting', async () => {
    trailing = [message('N', Buffer.from('SNOTICE\0Mhello\0\0'))];
    await upstream.close();
    const url = `postgres://r@127.0.0.1:${engine.port}/db?sslmode=disable`;
    upstream = await upstreamOf({ url }, { deps: { clock }, pool: { warmSpares: 1 } });
    const sessions = [];
    for (let login = 0; login < 4; login += 1) sessions.push(await open(upstream));
    expect(sessions.map(({ leftover }) => leftover)).toEqual(sessions.map(() => trailing[0]));
    await expect.poll(() => terminated.length).toBe(1);
    expect(terminated[0]).toBe(peers[4]);
    expect(upstream.stats()[0]).toMatchObject({ idle: 0 });
    for (const session of sessions) upstream.giveBack(session, { reusable: true });
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ idle: 4 });
  });
});

describe('a cancel request', () => {
  it('that is repeated is one to the engine, and one more for all who asked meanwhile', async () => {
    const session = await open(upstream);
    const asked = Array.from({ length: 90 }, () => upstream.cancel(session));
    await expect.poll(() => cancels.length).toBe(1);
    cancels[0]?.peer.socket.end();
    await asked[0];
    await expect.poll(() => cancels.length).toBe(2);
    cancels[1]?.peer.socket.end();
    await Promise.all(asked);
    expect(cancels).toHaveLength(2);
    const later = upstream.cancel(session);
    await expect.poll(() => cancels.length).toBe(3);
    cancels[2]?.peer.socket.end();
    await later;
    expect(upstream.stats()[0]).toMatchObject({ cancels: 3 });
    upstream.giveBack(session, { reusable: true });
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ idle: 1 });
  });

  it('that waits for its turn spares a session that was given back', async () => {
    const session = await open(upstream);
    const asked = [upstream.cancel(session), upstream.cancel(session)];
    await expect.poll(() => cancels.length).toBe(1);
    upstream.giveBack(session, { reusable: true });
    cancels[0]?.peer.socket.end();
    await Promise.all(asked);
    expect(cancels).toHaveLength(1);
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ idle: 1 });
  });

  it('carries the engine’s key, and the session waits until the engine has closed it', async () => {
    const session = await open(upstream);
    const cancel = upstream.cancel(session);
    upstream.giveBack(session, { reusable: true });
    await expect.poll(() => cancels.length).toBe(1);
    expect(cancels[0]?.packet).toEqual(CANCEL_REQUEST);
    expect(upstream.stats()[0]).toMatchObject({ idle: 0, resetting: 1, cancels: 1 });
    expect(queries).toEqual([]);
    cancels[0]?.peer.socket.end();
    await cancel;
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ idle: 1, resetting: 0 });
    expect(queries[0]).toBe('DISCARD ALL');
  });

  it('that the engine does not deal with in time makes the session unfit', async () => {
    const session = await open(upstream);
    const cancel = upstream.cancel(session);
    upstream.giveBack(session, { reusable: true });
    await expect.poll(() => cancels.length).toBe(1);
    clock.advance(5000);
    await cancel;
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ idle: 0, resetting: 0 });
    expect(queries).toEqual([]);
    await cancels[0]?.peer.closed();
  });

  it('that failed before the session is given back does so too', async () => {
    const session = await open(upstream);
    const cancel = upstream.cancel(session);
    await expect.poll(() => cancels.length).toBe(1);
    clock.advance(5000);
    await cancel;
    upstream.giveBack(session, { reusable: true });
    await expect.poll(() => upstream.stats()[0]).toMatchObject({ idle: 0, resetting: 0 });
    expect(queries).toEqual([]);
  });

  it('of somebody else’s session object does nothing', async () => {
    const session = await open(upstream, { who: principal() });
    await upstream.cancel({ ...session });
    expect(engine.connections).toBe(1);
    upstream.giveBack({ ...session }, { reusable: true });
    expect(upstream.stats()[0]).toMatchObject({ lent: 1, cancels: 0 });
    upstream.giveBack(session, { reusable: false });
  });
});

describe('an engine that does not close its side', () => {
  it('has the connection cut', async () => {
    let heard: Promise<void> = Promise.resolve();
    const stubborn = await scriptedEngine(
      async (peer) => {
        await peer.packet();
        peer.write(AUTHENTICATION_OK, READY);
        heard = new Promise((resolve) => peer.socket.on('end', () => resolve()));
        peer.socket.resume();
      },
      { allowHalfOpen: true },
    );
    const url = `postgres://r@127.0.0.1:${stubborn.port}/db?sslmode=disable`;
    const other = await upstreamOf({ url }, { deps: { clock } });
    const session = await open(other);
    other.giveBack(session, { reusable: false });
    await heard;
    expect(session.transport.closed).toBe(false);
    clock.advance(5000);
    expect(session.transport.closed).toBe(true);
    await other.close();
    await stubborn.close();
  });
});
