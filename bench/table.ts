import type { Figures, Scenario } from './scenarios/scenario.ts';
import { spread, type Spread } from './statistics.ts';

/** What the rounds of a scenario gave, by row. */
export type Results = ReadonlyMap<string, readonly Figures[]>;

/** A Markdown table of a scenario's results: a line a row; for each figure the median (min–max) and its ratio to the reference. */
export function table({ name, figures, reference }: Scenario, results: Results): string {
  const heads = figures.flatMap((figure) => (reference === null ? [figure] : [figure, '×']));
  const lines = [...results].map(([rowName, rounds]) => {
    const cells = figures.flatMap((figure) => {
      const value = cell(rounds.map((round) => round[figure] ?? Number.NaN));
      if (reference === null) return [value];
      const ratio = ratioTo(results, figure, rowName, reference);
      return [value, ratio === null ? '' : digits(ratio.median)];
    });
    return line([rowName, ...cells]);
  });
  const note = reference === null ? '' : `× is the ratio to ${reference} in the same round.\n`;
  return [
    `### ${name}`,
    '',
    line(['', ...heads]),
    line(['---', ...heads.map(() => '---')]),
    ...lines,
    '',
    note,
  ].join('\n');
}

/** Ratios of one row to another, round by round. @returns null where there is nothing to compare */
export function ratioTo(results: Results, figure: string, row: string, reference: string): Spread | null {
  const own = results.get(row);
  const others = results.get(reference);
  if (own === undefined || others === undefined) return null;
  const ratios = own
    .map((figures, round) => (figures[figure] ?? Number.NaN) / (others[round]?.[figure] ?? Number.NaN))
    .filter(Number.isFinite);
  return ratios.length === 0 ? null : spread(ratios);
}

function cell(values: readonly number[]): string {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return '';
  const { median, min, max } = spread(finite);
  return finite.length === 1 ? digits(median) : `${digits(median)} (${digits(min)}–${digits(max)})`;
}

export function digits(value: number): string {
  return value >= 100 || value === 0 ? String(Math.round(value)) : value.toPrecision(3);
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
