import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What sessions and logins report; seconds and bytes. */
export interface SessionMetrics {
  login(method: string, outcome: 'ok' | 'refused' | 'failed', code: string, seconds: number): void;
  ended(closedBy: string, seconds: number, bytesFromClient: number, bytesFromEngine: number): void;
  revokedAndClosed(seconds: number): void;
}

/** @param live how many sessions run now, asked when the metrics are read */
export function createSessionMetrics(registry: Registry, live: () => number): SessionMetrics {
  const registers = [registry];
  const logins = new Counter({
    name: 'patgate_logins_total',
    help: 'Logins by method, outcome and, for refused ones, the code of the true reason.',
    labelNames: ['method', 'outcome', 'code'],
    registers,
  });
  const loginSeconds = new Histogram({
    name: 'patgate_login_seconds',
    help: 'From the start-up packet to the outcome of the login.',
    labelNames: ['outcome'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers,
  });
  const ended = new Counter({
    name: 'patgate_sessions_ended_total',
    help: 'Sessions that ended, by who closed them.',
    labelNames: ['closed_by'],
    registers,
  });
  const bytes = new Counter({
    name: 'patgate_relayed_bytes_total',
    help: 'Bytes carried for sessions that ended, by sender.',
    labelNames: ['sender'],
    registers,
  });
  const revokeToClose = new Histogram({
    name: 'patgate_revoke_to_close_seconds',
    help: 'From hearing that a right is gone to the session being closed.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5],
    registers,
  });
  new Gauge({
    name: 'patgate_sessions',
    help: 'Sessions that run now.',
    registers,
    collect() {
      this.set(live());
    },
  });
  return {
    login(method, outcome, code, seconds) {
      logins.inc({ method, outcome, code });
      loginSeconds.observe({ outcome }, seconds);
    },
    ended(closedBy, _seconds, bytesFromClient, bytesFromEngine) {
      ended.inc({ closed_by: closedBy });
      bytes.inc({ sender: 'client' }, bytesFromClient);
      bytes.inc({ sender: 'engine' }, bytesFromEngine);
    },
    revokedAndClosed: (seconds) => revokeToClose.observe(seconds),
  };
}
