import type { Engine } from './engine.ts';

/** One frame of what an engine said between AuthenticationOk and ReadyForQuery, for the client to see. */
export interface GreetingFrame {
  /** Name of the parameter; null for a notice. */
  readonly name: string | null;
  readonly frame: Buffer;
}

/** What a client is greeted with: the engine's own frames in the engine's order. */
export class Greeting {
  readonly frames: readonly GreetingFrame[];
  /** All frames, as they go to the client. */
  readonly bytes: Buffer;

  constructor(frames: readonly GreetingFrame[]) {
    this.frames = frames;
    this.bytes = Buffer.concat(frames.map(({ frame }) => frame));
  }

  /** Names of the parameters that the engine reports. */
  get names(): readonly string[] {
    return this.frames.flatMap(({ name }) => (name === null ? [] : [name]));
  }

  /** The greeting with newer values in the place of older ones, so that it reads as a fresh session's. */
  with(changes: readonly GreetingFrame[]): Greeting {
    if (changes.length === 0) return this;
    const latest = new Map(changes.map((change) => [change.name, change]));
    const known = new Set(this.names);
    const added = [...latest.values()].filter(({ name }) => name !== null && !known.has(name));
    const kept = this.frames.map((old) => (old.name === null ? old : (latest.get(old.name) ?? old)));
    return new Greeting([...kept, ...added]);
  }
}

/** Sessions of one engine are greeted alike, so that one greeting in memory serves them all. */
export class Greetings {
  readonly #last = new WeakMap<Engine, Greeting>();

  /** @returns an equal greeting that other sessions have already, or `greeting` */
  same(engine: Engine, greeting: Greeting): Greeting {
    const last = this.#last.get(engine);
    if (last?.bytes.equals(greeting.bytes) === true) return last;
    this.#last.set(engine, greeting);
    return greeting;
  }
}
