import type { Figures, Scenario } from './scenarios/scenario.ts';
import { spread } from './statistics.ts';

/** What ratios are to. */
const REFERENCE = 'PgBouncer';

/** A Markdown table of a scenario's results: a line a target, median (min–max) and ratio for each figure. */
export function table(scenario: Scenario, results: ReadonlyMap<string, readonly Figures[]>): string {
  const names = Object.keys(scenario.figures);
  const heads = names.flatMap((name) => {
    const unit = scenario.figures[name]?.unit ?? '';
    return [unit === '' ? name : `${name}, ${unit}`, `× ${REFERENCE}`];
  });
  const lines = [...results].map(([target, rounds]) => {
    const cells = names.flatMap((name) => [
      cell(rounds.map((figures) => figures[name] ?? Number.NaN)),
      ratioCell(name, rounds, results.get(REFERENCE)),
    ]);
    return row([target, ...cells]);
  });
  return [
    `### ${scenario.name}`,
    '',
    row(['', ...heads]),
    row(['---', ...heads.map(() => '---')]),
    ...lines,
    '',
  ].join('\n');
}

function ratioCell(
  name: string,
  rounds: readonly Figures[],
  reference: readonly Figures[] | undefined,
): string {
  if (reference === undefined) return '';
  return cell(
    rounds.map((figures, round) => (figures[name] ?? Number.NaN) / (reference[round]?.[name] ?? Number.NaN)),
  );
}

function cell(values: readonly number[]): string {
  if (values.every((value) => value === 0)) return '';
  const { median, min, max } = spread(values);
  return `${digits(median)} (${digits(min)}–${digits(max)})`;
}

const digits = (value: number): string => value.toPrecision(value >= 1000 ? 4 : 3);

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
