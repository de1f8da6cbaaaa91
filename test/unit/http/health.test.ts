import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { healthRoutes, type Readiness } from '../../../src/http/health.ts';

function asked(answers: readonly (Readiness | Error)[]) {
  let nowMs = 0;
  let calls = 0;
  const check = (): Promise<Readiness> => {
    const answer = answers[calls] ?? new Error('asked too often');
    calls += 1;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const routes = healthRoutes(check, { ...systemClock, monotonicMs: () => nowMs });
  const get = async (path: string): Promise<[number, unknown]> => {
    const response = await routes.request(path);
    return [response.status, await response.json()];
  };
  return { get, calls: () => calls, move: (ms: number) => (nowMs += ms) };
}

const GOOD = { ready: true, checks: { store: true } };
const BAD = { ready: false, checks: { store: false } };

describe('health', () => {
  it('of the process does not depend on anything', async () => {
    expect(await asked([]).get('/healthz')).toEqual([200, { status: 'ok' }]);
  });

  it('of what it needs is asked at most once a second', async () => {
    const { get, calls, move } = asked([GOOD, BAD]);
    const ready = [200, { status: 'ready', checks: { store: true } }];
    expect(await Promise.all([get('/readyz'), get('/readyz')])).toEqual([ready, ready]);
    move(999);
    expect(await get('/readyz')).toEqual(ready);
    expect(calls()).toBe(1);
    move(1);
    expect(await get('/readyz')).toEqual([503, { status: 'not ready', checks: { store: false } }]);
  });

  it('is bad when it can not be found out, without telling why', async () => {
    const { get } = asked([new Error('password authentication failed for user "store"')]);
    expect(await get('/readyz')).toEqual([503, { status: 'not ready', checks: {} }]);
  });
});
