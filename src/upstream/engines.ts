import { fatal, GatewayError } from '../core/errors.ts';
import { loadEngine, type Engine, type EngineOptions } from './engine.ts';
import { createRouter, type RouteOptions, type Router } from './routes.ts';

export interface EnginesOptions extends RouteOptions {
  readonly engines: readonly EngineOptions[];
}

/** The engines as they were read last, and the router that leads to them. */
export class Engines {
  #options: EnginesOptions;
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

  /** @throws GatewayError engine.no_such_database (3D000) when a reload took it away meanwhile */
  get(name: string): Engine {
    const engine = this.#byName.get(name);
    if (engine !== undefined) return engine;
    const message = `engine "${name}" is no longer configured`;
    throw new GatewayError('engine.no_such_database', message, fatal('3D000', message));
  }

  /** Whether an Engine is what its name stands for now. */
  isCurrent(engine: Engine): boolean {
    return this.#byName.get(engine.name) === engine;
  }

  /**
   * Reads URLs and files again, or those of other options: all, or none when one of them is wrong. Nothing changes before
   * the answer is called.
   * @throws RequestError config.invalid
   */
  async prepare(options: EnginesOptions = this.#options): Promise<() => void> {
    const engines = await read(options);
    const router = createRouter(engines, options);
    return () => {
      this.#options = options;
      this.#byName = new Map(engines.map((engine) => [engine.name, engine]));
      this.#router = router;
    };
  }
}

function read({ engines }: EnginesOptions): Promise<readonly Engine[]> {
  return Promise.all(engines.map((engine) => loadEngine(engine)));
}
