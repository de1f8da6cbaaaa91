import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Throttle, DEFAULT_THROTTLE } from '../../../src/login/throttle.ts';
import type { LiveSession } from '../../../src/session/registry.ts';
import { Supervisor } from '../../../src/session/supervisor.ts';
import { DAY_MS, HOUR_MS } from '../../../src/core/duration.ts';
import { eventually } from '../../support/eventually.ts';
import { MovedClock } from '../../support/services.ts';
import { silentLog } from '../../support/store.ts';

const IDLE_MS = HOUR_MS;

let clock: MovedClock;
let supervisor: Supervisor;

beforeEach(() => {
  clock = new MovedClock();
  supervisor = new Supervisor({
    standings: {
      tokens: () => Promise.resolve(new Map()),
      exchanges: () => Promise.resolve(new Set()),
      accounts: () => Promise.resolve(new Map()),
    },
    cancelEngine: () => Promise.resolve(),
    expiryGraceMs: 0,
    idleTimeoutMs: () => IDLE_MS,
    revokedAndClosed: () => undefined,
    clock,
    log: silentLog,
  });
});
afterEach(() => supervisor.stop());

/** As much of a session as is supervised. */
function idleSession(expiresAt: Date | null): { session: LiveSession; said: string[] } {
  const said: string[] = [];
  const session = {
    sid: String(expiresAt),
    principal: { uid: 'u', engineRole: null, token: { tid: 't', label: 'laptop', expiresAt } },
    engine: { role: 'r' },
    relay: {
      state: 'idle',
      lastActivityMs: clock.monotonicMs(),
      whenIdle: (run: () => void) => run(),
      closeWith: (frame: Buffer) => said.push(frame.toString('latin1')),
      freezeClient: () => undefined,
      seal: () => undefined,
    },
  };
  return { session: session as unknown as LiveSession, said };
}

/** Until every session has been looked at since: the one that is to end has. */
async function looked(): Promise<void> {
  const last = idleSession(new Date(clock.now().getTime() - 1));
  supervisor.watch(last.session, supervisor.epoch);
  await eventually(() => expect(last.said.join()).toContain('expired'));
}

describe.each([
  ['ahead', 100 * DAY_MS],
  ['back', -100 * DAY_MS],
])('a clock that is set %s', (_way, byMs) => {
  it('ends no idle session before its time, and each one when it has come', async () => {
    const { session, said } = idleSession(null);
    supervisor.watch(session, supervisor.epoch);
    clock.set(byMs);
    clock.move(IDLE_MS - 60_000);
    await looked();
    expect(said).toEqual([]);
    clock.move(60_000);
    await eventually(() => expect(said.join()).toContain('57P05'));
  });

  it('makes nobody wait longer or shorter who guessed', () => {
    const throttle = new Throttle(clock, { ...DEFAULT_THROTTLE, free: 1, firstWaitMs: 30_000 });
    const attempt = { address: '192.0.2.1', account: 'ada', encrypted: true, guessable: true };
    const guess = (secret: string) => throttle.admit(attempt).failed(secret);
    guess('one');
    guess('two');
    clock.set(byMs);
    expect(() => throttle.admit(attempt)).toThrow('has to wait');
    clock.move(31_000);
    throttle.admit(attempt).dropped();
  });
});

describe('a token', () => {
  it('that has expired by a clock which jumped ahead ends its session, and setting it right does not take that back', async () => {
    const { session, said } = idleSession(new Date(clock.now().getTime() + HOUR_MS / 2));
    supervisor.watch(session, supervisor.epoch);
    await looked();
    expect(said).toEqual([]);
    clock.set(HOUR_MS);
    await eventually(() => expect(said.join()).toContain('token "laptop" has expired'));
    clock.set(-HOUR_MS);
    expect(supervisor.endingOf(session)).not.toBeNull();
  });
});
