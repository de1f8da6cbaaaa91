import { execFile } from 'node:child_process';
import type { Clock, Timer } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';

/** Whoever started this process and wants to hear how it is: systemd, or a container engine that speaks its protocol. */
export interface ServiceManager {
  ready(status: string): void;
  reloading(): void;
  stopping(status: string): void;
  /** Begins to feed the watchdog, when there is one. @param healthy false: it goes hungry */
  watch(healthy: () => Promise<boolean>): void;
  /** Sends what waits, and says nothing more. */
  close(): Promise<void>;
}

export interface ServiceManagerOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
}

const PROGRAM = 'systemd-notify';
const SEND_MS = 5_000;

/**
 * Speaks sd_notify(3) when NOTIFY_SOCKET asks for it. Node has no datagram sockets of the Unix kind, so `systemd-notify` carries the
 * messages: where there is a systemd, there is this program. It sends as a child of the main process: NotifyAccess=all.
 */
export function createServiceManager({ environment, clock, log }: ServiceManagerOptions): ServiceManager {
  const socket = environment['NOTIFY_SOCKET'] ?? '';
  let sending = Promise.resolve();
  let complained = false;
  let timer: Timer | null = null;
  let closed = false;
  const send = (...message: readonly string[]): void => {
    if (socket === '' || closed) return;
    sending = sending.then(async () => {
      const failure = await run(message, environment);
      if (failure === null || complained) return;
      complained = true;
      log.warn({ reason: failure }, `${PROGRAM} failed: the service manager does not hear of this gateway`);
    });
  };
  return {
    ready: (status) => send('READY=1', `STATUS=${status}`),
    // CLOCK_MONOTONIC, which Node's hrtime reads on Linux.
    reloading: () =>
      send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`, 'STATUS=reloading'),
    stopping: (status) => send('STOPPING=1', `STATUS=${status}`),
    watch(healthy) {
      const everyMs = watchdogMs(environment);
      if (everyMs === null || socket === '') return;
      const next = (): void => {
        timer = clock.after(everyMs, () => {
          void healthy().then((well) => {
            if (well) send('WATCHDOG=1');
            else log.error('not healthy: the watchdog is not fed');
            next();
          });
        });
      };
      send('WATCHDOG=1');
      next();
    },
    async close() {
      timer?.cancel();
      closed = true;
      await sending;
    },
  };
}

/** A third of the time that the watchdog waits; null: there is none, or it is for another process. */
function watchdogMs(environment: ServiceManagerOptions['environment']): number | null {
  const { WATCHDOG_USEC: usec = '', WATCHDOG_PID: pid = String(process.pid) } = environment;
  const micros = /^\d{1,15}$/.test(usec) ? Number(usec) : 0;
  return micros > 0 && pid === String(process.pid) ? Math.max(1, micros / 3000) : null;
}

/** @returns why it was not sent, or null */
function run(
  message: readonly string[],
  environment: ServiceManagerOptions['environment'],
): Promise<string | null> {
  const { NOTIFY_SOCKET, PATH } = environment;
  return new Promise((resolve) => {
    const env = { NOTIFY_SOCKET, PATH };
    execFile(PROGRAM, [...message], { env, timeout: SEND_MS }, (error, _stdout, stderr) => {
      resolve(error === null ? null : stderr.trim() || describeError(error));
    });
  });
}
