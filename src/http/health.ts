import { Hono } from 'hono';
import type { Clock } from '../core/clock.ts';
import type { HttpEnv } from './env.ts';

/** What a process needs in order to serve, by name, and whether it has it. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, boolean>>;
}

const REMEMBER_MS = 1_000;

/** Asks at most once a second, whoever asks how often: the question costs a round trip to the store. */
function remembered(check: () => Promise<Readiness>, clock: Clock): () => Promise<Readiness> {
  let last: { readonly atMs: number; readonly answer: Promise<Readiness> } | null = null;
  return () => {
    const nowMs = clock.monotonicMs();
    if (last === null || nowMs - last.atMs >= REMEMBER_MS) {
      last = { atMs: nowMs, answer: check().catch(() => ({ ready: false, checks: {} })) };
    }
    return last.answer;
  };
}

/**
 * `/healthz`: the process runs. `/readyz`: it can also serve (503 if not), with each check's outcome.
 * @param free checks that cost nothing, made each time
 */
export function healthRoutes(
  check: () => Promise<Readiness>,
  clock: Clock,
  free: () => Readiness['checks'] = () => ({}),
): Hono<HttpEnv> {
  const ask = remembered(check, clock);
  const routes = new Hono<HttpEnv>();
  routes.get('/healthz', (c) => c.json({ status: 'ok' }));
  routes.get('/readyz', async (c) => {
    const asked = await ask();
    const own = free();
    const ready = asked.ready && Object.values(own).every(Boolean);
    const checks = { ...asked.checks, ...own };
    return c.json({ status: ready ? 'ready' : 'not ready', checks }, ready ? 200 : 503);
  });
  return routes;
}
