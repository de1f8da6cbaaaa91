import type { Running } from '../targets/target.ts';

/** What one round with one target gave: figures by name, in the scenario's units. */
export type Figures = Readonly<Record<string, number>>;

/** One way of using a target. */
export interface Scenario {
  readonly name: string;
  /** How the figures are told: unit, and whether more is better; in the order of the table's columns. */
  readonly figures: Readonly<Record<string, { readonly unit: string; readonly moreIsBetter: boolean }>>;
  run(target: Running, seconds: number): Promise<Figures>;
}
