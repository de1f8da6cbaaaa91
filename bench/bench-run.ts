import { prepareGround, type Ground } from './ground.ts';
import type { Figures, Row, Scenario } from './scenarios/scenario.ts';
import type { Results } from './table.ts';
import type { Running, Target } from './targets/target.ts';

export interface RunOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** Only rows whose name has one of these in it; all when empty. */
  readonly rows: readonly string[];
  /** From then on, in milliseconds of this process, each scenario has one round. */
  readonly hurryFromMs: number;
  /** From then on none begins. */
  readonly endMs: number;
  /** Told after each row of each round. */
  readonly progress: (line: string) => void;
}

/** Runs scenarios, with targets that are started when they are needed first. */
export class BenchRun {
  /** What could not be run, and what is missing for it. */
  readonly missing = new Set<string>();
  readonly #options: RunOptions;
  readonly #running = new Map<Target, Running>();
  /** Those of a single row, too. */
  readonly #started = new Set<Running>();
  #ground: Ground | null = null;
  #closed = false;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  /** A row that fails is told as missing, and the others go on. */
  async run(scenario: Scenario): Promise<Results> {
    const { rounds, rows: wanted } = this.#options;
    const results = new Map<string, Figures[]>();
    const chosen = scenario.rows.filter(
      ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
    );
    if (performance.now() > this.#options.endMs) {
      this.missing.add(`"${scenario.name}", for want of time`);
      return results;
    }
    for (let round = 0; round < (scenario.rounds ?? rounds); round++) {
      if (round > 0 && performance.now() > this.#options.hurryFromMs) {
        this.missing.add(`rounds after number ${round} of "${scenario.name}", for want of time`);
        break;
      }
      for (const row of chosen) {
        if (this.#closed) return results;
        const figures = await this.#runRow(scenario, row);
        if (figures === null) continue;
        results.set(row.name, [...(results.get(row.name) ?? []), figures]);
        this.#options.progress(`${scenario.name}, ${row.name}: ${JSON.stringify(figures)}`);
      }
    }
    return results;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(Array.from(this.#started, (place) => place.stop()));
    await this.#ground?.close();
    this.#ground = null;
  }

  async #runRow(scenario: Scenario, row: Row): Promise<Figures | null> {
    const missing = row.target.missing();
    if (missing !== null) {
      this.missing.add(`${row.target.name}, for want of ${missing}`);
      return null;
    }
    try {
      if (row.ownProcess !== true) return await row.run(await this.#place(row.target), this.#options.seconds);
      const place = await this.#start(row.target);
      try {
        return await row.run(place, this.#options.seconds);
      } finally {
        await place.stop();
        this.#started.delete(place);
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.missing.add(`a round of "${row.name}" in "${scenario.name}", which failed: ${why}`);
      return null;
    }
  }

  async #place(target: Target): Promise<Running> {
    const known = this.#running.get(target);
    if (known !== undefined) return known;
    const place = await this.#start(target);
    this.#running.set(target, place);
    return place;
  }

  async #start(target: Target): Promise<Running> {
    this.#ground ??= await prepareGround();
    const place = await target.start(this.#ground);
    this.#started.add(place);
    return place;
  }
}
