import { Socket } from 'node:net';
import { packFailure, unpackFailure, type PackedFailure } from './failure.ts';
import type { Side } from './protocol.ts';

type Message =
  | { readonly kind: 'ask'; readonly number: number; readonly what: string; readonly question: unknown }
  | { readonly kind: 'answer'; readonly number: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly number: number; readonly failure: PackedFailure }
  | { readonly kind: 'news'; readonly what: string; readonly content: unknown };

/** What this end does when it is asked or told something. */
export interface Handlers<Us extends Side> {
  readonly asks: {
    readonly [What in keyof Us['asks']]: (
      question: Us['asks'][What][0],
    ) => Us['asks'][What][1] | Promise<Us['asks'][What][1]>;
  };
  readonly news: {
    /** @param socket came with the news; null when it was closed on its way */
    readonly [What in keyof Us['news']]: (content: Us['news'][What], socket: Socket | null) => void;
  };
}

/** `process` in a worker, the ChildProcess in its parent. */
export interface Port {
  send?(
    message: Message,
    socket: Socket | undefined,
    options: { readonly keepOpen: boolean },
    done: (error: Error | null) => void,
  ): boolean;
  on(event: 'message', listener: (message: unknown, handle: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

/** Questions, answers and news between a parent and its worker, over the channel that fork() makes. */
export class Channel<Us extends Side, Them extends Side> {
  readonly #port: Port;
  readonly #handlers: Handlers<Us>;
  readonly #asked = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  #last = 0;
  #closed = false;

  constructor(port: Port, handlers: Handlers<Us>) {
    this.#port = port;
    this.#handlers = handlers;
    port.on('message', (message, handle) => {
      this.#received(message as Message, handle instanceof Socket ? handle : null);
    });
    port.on('disconnect', () => this.#close());
  }

  /** @throws what the other end threw; an Error when it is gone */
  ask<What extends keyof Them['asks'] & string>(
    what: What,
    question: Them['asks'][What][0],
  ): Promise<Them['asks'][What][1]> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(gone());
        return;
      }
      const number = ++this.#last;
      this.#asked.set(number, { resolve, reject });
      this.#send({ kind: 'ask', number, what, question }, undefined, () =>
        this.#take(number)?.reject(gone()),
      );
    });
  }

  /** @param socket goes over to the other end @param lost called when it cannot */
  tell<What extends keyof Them['news'] & string>(
    what: What,
    content: Them['news'][What],
    socket?: Socket,
    lost?: () => void,
  ): void {
    this.#send({ kind: 'news', what, content }, socket, lost);
  }

  #send(message: Message, socket?: Socket, lost?: () => void): void {
    // An end that is gone is noticed by its disconnect.
    const done = (error: Error | null): void => {
      if (error !== null) lost?.();
    };
    if (this.#closed) lost?.();
    else this.#port.send?.(message, socket, { keepOpen: false }, done);
  }

  #received(message: Message, socket: Socket | null): void {
    switch (message.kind) {
      case 'ask':
        void this.#answer(message.number, message.what, message.question);
        return;
      case 'answer':
        this.#take(message.number)?.resolve(message.value as never);
        return;
      case 'failure':
        this.#take(message.number)?.reject(unpackFailure(message.failure));
        return;
      case 'news':
        this.#handlers.news[message.what]?.(message.content as never, socket);
        return;
      default:
        message satisfies never;
    }
  }

  async #answer(number: number, what: string, question: unknown): Promise<void> {
    try {
      const value: unknown = await this.#handlers.asks[what]?.(question);
      this.#send({ kind: 'answer', number, value });
    } catch (error) {
      this.#send({ kind: 'failure', number, failure: packFailure(error) });
    }
  }

  #take(number: number): { resolve: (value: never) => void; reject: (error: Error) => void } | undefined {
    const asked = this.#asked.get(number);
    this.#asked.delete(number);
    return asked;
  }

  #close(): void {
    this.#closed = true;
    for (const { reject } of this.#asked.values()) reject(gone());
    this.#asked.clear();
  }
}

function gone(): Error {
  return new Error('the other process is gone');
}
