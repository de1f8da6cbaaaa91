import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { devNull } from 'node:os';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock, Timer } from '../../core/clock.ts';
import { descriptorOf } from '../../core/descriptor-of.ts';
import type { Log } from '../../core/log.ts';
import { limitIn } from './descriptors.ts';

/** `scarce`: what is left is for those who are in. `none`: it is for closing what comes. */
export type Room = 'enough' | 'scarce' | 'none';

export interface DescriptorWatchOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
  /** Where the limit is told; where that cannot be read, none is known. */
  readonly limitsFile?: string;
  /** Told when the room has changed, within a second. */
  readonly changed?: ((room: Room) => void) | undefined;
}

/** `none left`: no descriptor. `not there`: no such file, or none that may be opened. */
type Opened = number | 'none left' | 'not there';

const LOOK_EVERY_MS = 1_000;
const LOG_EVERY_MS = 10_000;
/** So many descriptors are never given to clients: engines, the store and files need theirs. */
const LAST = 8;
const LIMITS_FILE = process.platform === 'linux' ? '/proc/self/limits' : devNull;

/**
 * Knows how far the process is from its limit of file descriptors, and keeps away from it.
 *
 * When accept() fails for want of one, nobody is told: libuv gives up a descriptor that it keeps for this, takes all who wait
 * with it, closes them and reports nothing; and where it cannot get that descriptor back (the limit was lowered, or another
 * thread was quicker), the event loop spins on the listening socket, with all who wait left hanging (strace on Node 20;
 * 22, 24 and 26 behave alike). So connections are turned away while some are left; what takes the rest all the same is noticed by a look every
 * second, and a spare of our own makes room to take and close those who come, until there are enough again.
 */
export class DescriptorWatch {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #limitsFile: string;
  readonly #changed: (room: Room) => void;
  readonly #exhaustions: Counter;
  #limit: number | null = null;
  #room: Room = 'enough';
  #spare: number | null = null;
  /** When it was last logged that they are. */
  readonly #loggedMs = { scarce: -Infinity, none: -Infinity };
  #complained = false;
  #timer: Timer | null = null;

  constructor({ registry, clock, log, limitsFile = LIMITS_FILE, changed }: DescriptorWatchOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#limitsFile = limitsFile;
    this.#changed = changed ?? (() => undefined);
    this.#exhaustions = new Counter({
      name: 'patgate_descriptors_exhausted_total',
      help: 'How often no file descriptor was left at all.',
      registers: [registry],
    });
    const room = (): Room => this.#room;
    new Gauge({
      name: 'patgate_descriptor_shortage',
      help: '1: file descriptors are scarce, new sessions are refused. 2: new connections are closed. 0: neither.',
      aggregator: 'max',
      registers: [registry],
      collect() {
        this.set({ enough: 0, scarce: 1, none: 2 }[room()]);
      },
    });
    this.#look();
  }

  /** Of this process; null where the system does not tell. */
  get limit(): number | null {
    return this.#limit;
  }

  /** @param socket freshly accepted */
  room(socket: Socket): Room {
    // While the spare is given up, low numbers are free and tell nothing.
    if (this.#isExhausted) return 'none';
    const room = this.#roomAt(descriptorOf(socket));
    if (room !== 'enough') this.#note(room);
    return room;
  }

  close(): void {
    this.#timer?.cancel();
    if (this.#spare !== null) closeSync(this.#spare);
    this.#spare = null;
  }

  get #isExhausted(): boolean {
    return this.#room === 'none' && this.#spare === null;
  }

  #look(): void {
    let lowest = open(this.#limitsFile);
    // Containers without /proc; that no descriptor is left shows all the same.
    if (lowest === 'not there') lowest = open(devNull);
    if (lowest === 'none left') this.#exhausted();
    else {
      // It may change at any time.
      this.#limit = lowest === 'not there' ? null : limitIn(contentsOf(lowest));
      // While the first is still open: it may be the very one that the spare gave up.
      const spare = this.#spare ?? open(devNull);
      const opened = [lowest, spare].filter((fd) => typeof fd === 'number');
      if (typeof lowest === 'number') closeSync(lowest);
      if (typeof spare === 'number') this.#spare = spare;
      this.#note(spare === 'none left' ? 'none' : this.#roomAt(Math.max(...opened)));
    }
    this.#timer = this.#clock.after(LOOK_EVERY_MS, () => this.#look());
  }

  #exhausted(): void {
    if (!this.#isExhausted) this.#exhaustions.inc();
    if (this.#spare !== null) closeSync(this.#spare);
    this.#spare = null;
    this.#note('none');
  }

  #roomAt(fd: number | null): Room {
    if (fd === null || this.#limit === null) return 'enough';
    if (fd >= this.#limit - LAST) return 'none';
    return fd >= this.#limit - reserveOf(this.#limit) ? 'scarce' : 'enough';
  }

  #note(room: Room): void {
    const before = this.#room;
    this.#room = room;
    if (room !== before) this.#changed(room);
    if (room === 'enough') {
      if (this.#complained) this.#log.info('file descriptors are enough again');
      this.#complained = false;
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    if (room === before || nowMs - this.#loggedMs[room] < LOG_EVERY_MS) return;
    this.#loggedMs[room] = nowMs;
    this.#complained = true;
    const refused = room === 'scarce' ? 'new sessions are refused' : 'new connections are closed';
    this.#log.error({ limit: this.#limit }, `file descriptors run out: ${refused}`);
  }
}

/** From there on, sessions are refused with words, which takes a descriptor for as long as it takes. */
function reserveOf(limit: number): number {
  return Math.min(64, Math.max(2 * LAST, Math.floor(limit / 16)));
}

function open(file: string): Opened {
  try {
    return openSync(file, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EMFILE' || code === 'ENFILE' ? 'none left' : 'not there';
  }
}

/** @returns empty where reading is not allowed */
function contentsOf(fd: number): string {
  try {
    return readFileSync(fd, 'utf8');
  } catch {
    return '';
  }
}
