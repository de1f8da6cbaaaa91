import { loadEngine, type Engine, type EngineOptions } from './engine.ts';
import { createRouter, type RouteOptions, type Router } from './routes.ts';

export interface EnginesOptions extends RouteOptions {
  readonly engines: readonly EngineOptions[];
}

/** The engines as they were read last, and the router that leads to them. */
export class Engines {
  readonly #options: EnginesOptions;
  #byName: ReadonlyMap<string, Engine>;
  #router: Router;

  private constructor(options: EnginesOptions, engines: readonly Engine[]) {
    this.#options = options;
    this.#byName = new Map(engines.map((engine) => [engine.name, engine]));
    this.#router = createRouter(engines, options);
  }

  /** @throws RequestError config.invalid */
  static async load(options: EnginesOptions): Promise<Engines> {
    return new Engines(options, await read(options));
  }

  get names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  get route(): Router {
    return this.#router;
  }

  get(name: string): Engine {
    const engine = this.#byName.get(name);
    if (engine === undefined) throw new Error(`engine "${name}" is not configured`);
    return engine;
  }

  /** Whether an Engine is what its name stands for now. */
  isCurrent(engine: Engine): boolean {
    return this.#byName.get(engine.name) === engine;
  }

  /** Reads URLs and files again: all, or none when one of them is wrong. @throws RequestError config.invalid */
  async reload(): Promise<void> {
    const engines = await read(this.#options);
    this.#byName = new Map(engines.map((engine) => [engine.name, engine]));
    this.#router = createRouter(engines, this.#options);
  }
}

function read({ engines }: EnginesOptions): Promise<readonly Engine[]> {
  return Promise.all(engines.map((engine) => loadEngine(engine)));
}
