import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** To be given to Node with `--import`. */
export const PROBE = fileURLToPath(new URL('./loop-probe.js', import.meta.url));

/** Watches the event loop of a process that was started with the probe. */
export class LoopWatch {
  readonly #pid: number;
  readonly #file: string;

  /** @param file what BENCH_LOOP_FILE says in that process */
  constructor(pid: number, file: string) {
    this.#pid = pid;
    this.#file = file;
  }

  begin(): void {
    rmSync(this.#file, { force: true });
    process.kill(this.#pid, 'SIGUSR2');
  }

  /** @returns how much later than due the event loop came round since `begin`: 99th percentile, milliseconds */
  async end(): Promise<number> {
    process.kill(this.#pid, 'SIGUSR2');
    for (;;) {
      const found = this.#read();
      if (found !== null) return found;
      await delay(10);
    }
  }

  #read(): number | null {
    try {
      return (JSON.parse(readFileSync(this.#file, 'utf8')) as { p99Ms: number }).p99Ms;
    } catch {
      // not written yet
      return null;
    }
  }
}
