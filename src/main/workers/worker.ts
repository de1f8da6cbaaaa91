import { fork, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { CancelKey } from '../../session/cancel.ts';
import type { Group } from '../group.ts';
import type { PendingPlace } from '../../session/pending.ts';
import type { Room } from '../life/descriptor-watch.ts';
import { Channel } from './channel.ts';
import type { ParentSide, StartOrder, WorkerSide } from './protocol.ts';
import { Tickets } from './tickets.ts';

const PROGRAM = fileURLToPath(new URL('./worker-process.js', import.meta.url));

export interface WorkerDeps {
  readonly group: Group;
  /** Cancels a session of another worker, or passes the key on. */
  readonly cancelElsewhere: (asked: CancelKey, not: Worker) => Promise<void>;
}

/** Who is short of file descriptors refuses logins, and so would stay the one with the fewest connections. */
const RANKS: Readonly<Record<Room, number>> = { enough: 0, scarce: 1, none: 2 };

interface Connection {
  readonly place: PendingPlace;
  readonly ended: () => void;
  /** Closes what this process still has of it; null when the worker has it for certain. */
  drop: (() => void) | null;
}

/** A worker as its parent sees it. */
export class Worker {
  readonly channel: Channel<ParentSide, WorkerSide>;
  /** With the exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
  readonly #child: ChildProcess;
  readonly #tickets: Tickets;
  readonly #connections = new Map<number, Connection>();
  #lastConnection = 0;
  #room: Room = 'enough';

  constructor({ group, cancelElsewhere }: WorkerDeps) {
    this.#tickets = new Tickets(group);
    this.#child = fork(PROGRAM, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.channel = new Channel<ParentSide, WorkerSide>(this.#child, {
      asks: {
        admit: (attempt) => this.#tickets.admit(attempt),
        mayTest: async (ticket) => {
          await this.#tickets.mayTest(ticket);
          return null;
        },
        take: (places) => this.#tickets.take(places),
        cancel: async (asked) => {
          await cancelElsewhere(asked, this);
          return null;
        },
      },
      news: {
        guess: ({ ticket, outcome }) => this.#tickets.guessed(ticket, outcome),
        release: (ticket) => this.#tickets.release(ticket),
        settled: (number) => this.#settled(number),
        client: ({ number, address }) => this.#connections.get(number)?.place.comesFrom(address),
        closed: (number) => this.#closed(number),
        room: (room) => {
          this.#room = room;
        },
      },
    });
    this.exited = this.#untilExit();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether this one is to be given a connection rather than the other: it has more room, or the same and fewer connections. */
  isBefore(other: Worker): boolean {
    const [rank, otherRank] = [RANKS[this.#room], RANKS[other.#room]];
    return rank === otherRank ? this.#connections.size < other.#connections.size : rank < otherRank;
  }

  /** @throws what keeps it from serving */
  async start(order: StartOrder): Promise<void> {
    await this.channel.ask('start', order);
  }

  /** Hands a connection over. Resolves when it has ended. */
  serve(socket: Socket, place: PendingPlace): Promise<void> {
    const number = ++this.#lastConnection;
    return new Promise((ended) => {
      this.#connections.set(number, { place, ended, drop: dropping(socket) });
      // It is the worker's now, and so is its end.
      place.whenEvicted(() => this.channel.tell('evict', number));
      this.channel.tell('connection', number, socket, () => this.#lost(number));
    });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Lets it close everything, and waits until it is gone. @param patienceMs then it is killed */
  async end(patienceMs: number): Promise<void> {
    const timer = setTimeout(() => this.kill(), patienceMs);
    await this.channel.ask('close', null).catch(() => null);
    if (this.#child.connected) this.#child.disconnect();
    await this.exited;
    clearTimeout(timer);
  }

  async #untilExit(): Promise<number | string> {
    const how = await new Promise<number | string>((resolve) => {
      this.#child.on('exit', (code, signal) => resolve(code ?? signal ?? ''));
      // In place of 'exit', when a process could not be made at all.
      this.#child.on('error', (error) => resolve(error.message));
    });
    this.#tickets.returnAll();
    for (const number of [...this.#connections.keys()]) this.#lost(number);
    return how;
  }

  /** On its way to a process that is gone it would stay open, with nobody there. */
  #lost(number: number): void {
    this.#connections.get(number)?.drop?.();
    this.#closed(number);
  }

  #settled(number: number): void {
    const connection = this.#connections.get(number);
    if (connection === undefined) return;
    connection.place.settled();
    connection.drop = null;
  }

  #closed(number: number): void {
    const connection = this.#connections.get(number);
    this.#connections.delete(number);
    connection?.ended();
  }
}

/** Node takes a socket's handle away when it sends it, and closes it once the other end has said that it has it. */
function dropping(socket: Socket): () => void {
  const handle = Reflect.get(socket, '_handle') as { close?: () => void } | null;
  return () => {
    socket.destroy();
    handle?.close?.();
  };
}
