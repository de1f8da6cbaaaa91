import { ClockWatch } from '../core/clock-watch.ts';
import type { Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Leases } from '../store/leases.ts';
import { readPolicy } from '../store/policy.ts';
import { endRetired, forgetExpiredSessions, pruneOldAudit, revokeInactive } from './housekeeping.ts';
import { sendExpiryNotices, type NoticeChannel } from './notices.ts';
import type { TokenServiceDeps } from './service-deps.ts';

export interface JobsDeps extends TokenServiceDeps {
  readonly leases: Leases;
  readonly log: Log;
  /** Ways in which owners are told that a token is about to expire; none: they are not. */
  readonly channels: readonly NoticeChannel[];
  /** Five minutes when left out. */
  readonly everyMs?: number;
}

export interface Jobs {
  /** Runs all jobs now, unless another process is at it. @returns whether they ran here */
  run(): Promise<boolean>;
  /** Lets what runs come to an end, and stops. */
  close(): Promise<void>;
}

const LEASE = 'jobs';
const LEASE_MS = 60_000;
const EVERY_MS = 5 * 60_000;
/** Replicas that start together do not all ask at once. */
const FIRST_WITHIN_MS = 20_000;

type Job = (deps: JobsDeps, signal: AbortSignal) => Promise<number>;

interface NamedJob {
  /** What the log tells. */
  readonly name: string;
  /** @returns how many things it did */
  readonly run: Job;
  /** It cannot be undone, so a clock that is wrong must not decide it. */
  readonly isFinal: boolean;
}

const JOBS: readonly NamedJob[] = [
  { name: 'rotated tokens ended', run: endRetired, isFinal: true },
  { name: 'inactive tokens revoked', run: revokeInactive, isFinal: true },
  { name: 'HTTP sessions forgotten', run: forgetExpiredSessions, isFinal: false },
  { name: 'audit rows pruned', run: pruneOldAudit, isFinal: true },
  {
    name: 'expiry notices sent',
    async run(deps, signal) {
      const { expiryNoticeDays } = await readPolicy(deps.store.db);
      return sendExpiryNotices(deps, deps.channels, { days: expiryNoticeDays, signal });
    },
    isFinal: false,
  },
];

/** Work that comes round, and that exactly one process of all does. */
export function startJobs(deps: JobsDeps): Jobs {
  const { clock, log } = deps;
  const everyMs = deps.everyMs ?? EVERY_MS;
  const watch = new ClockWatch(clock);
  const stop = new AbortController();
  let running: Promise<boolean> = Promise.resolve(false);
  let timer: Timer | null = null;

  const run = (): Promise<boolean> =>
    (running = running.catch(() => false).then(() => runOnce(deps, watch, stop.signal)));
  const schedule = (delayMs: number): void => {
    timer = clock.after(delayMs, () => {
      void run()
        .catch((error: unknown) => log.warn({ reason: describeError(error) }, 'jobs could not run'))
        .finally(() => {
          if (!stop.signal.aborted) schedule(everyMs);
        });
    });
  };
  schedule(Math.random() * Math.min(FIRST_WITHIN_MS, everyMs));
  return {
    run,
    async close() {
      stop.abort();
      timer?.cancel();
      await running.catch(() => undefined);
    },
  };
}

function runOnce(deps: JobsDeps, watch: ClockWatch, stop: AbortSignal): Promise<boolean> {
  if (stop.aborted) return Promise.resolve(false);
  return deps.leases.withLease(LEASE, LEASE_MS, async (lost) => {
    const signal = AbortSignal.any([stop, lost]);
    const isSteady = watch.isSteady();
    if (!isSteady)
      deps.log.warn('the clock was set by more than an hour: what cannot be undone waits for a day');
    for (const job of JOBS) {
      if (signal.aborted) return;
      if (!isSteady && job.isFinal) continue;
      await runJob(deps, job, signal);
    }
  });
}

/** One job that fails does not keep the others from running. */
async function runJob(deps: JobsDeps, { name, run }: NamedJob, signal: AbortSignal): Promise<void> {
  try {
    const count = await run(deps, signal);
    if (count > 0) deps.log.info({ count }, name);
  } catch (error) {
    deps.log.error({ job: name, reason: describeError(error) }, 'a job failed');
  }
}
