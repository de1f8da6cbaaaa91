import type { Running, Target } from '../targets/target.ts';

/** What one round of one row gave: figures by name, in the scenario's units. */
export type Figures = Readonly<Record<string, number>>;

/** One way of using one target. */
export interface Row {
  readonly name: string;
  readonly target: Target;
  /** Started for this row alone, and stopped after it. */
  readonly ownProcess?: boolean;
  run(place: Running, seconds: number): Promise<Figures>;
}

/** One table: rows take turns in rounds. */
export interface Scenario {
  readonly name: string;
  /** How the figures are told, in the order of the table's columns. */
  readonly figures: readonly FigureName[];
  /** The row that ratios are to; null: none are told. */
  readonly reference: string | null;
  readonly rows: readonly Row[];
  /** Runs so often; as many rounds as were asked for when left out. */
  readonly rounds?: number;
}

/** Name with unit, as in "CPU per round trip, µs". */
export type FigureName = string;
