import type { Verdict } from './goals.ts';

const WIDTH = 860;
const LABELS = 400;
const BAR = 16;
const LINE = 30;
const TOP = 64;
/** Ratios are drawn on a logarithmic scale around 1. */
const OCTAVES = 2;

/** A drawing of the ratios to PgBouncer: to the right of the line is better. */
export function picture(verdicts: readonly Verdict[]): string {
  const shown = verdicts.filter(({ goal }) => goal.to?.startsWith('PgBouncer') === true);
  const height = TOP + shown.length * LINE + 24;
  const zero = x(1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13">`,
    '<title>patgate beside PgBouncer</title>',
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    '<text x="16" y="26" font-size="16" font-weight="600" fill="#1f2328">patgate beside PgBouncer (1.0)</text>',
    `<text x="${zero + 8}" y="50" fill="#59636e">better →</text>`,
    `<text x="${zero - 8}" y="50" text-anchor="end" fill="#59636e">← worse</text>`,
    `<line x1="${zero}" y1="${TOP - 6}" x2="${zero}" y2="${height - 18}" stroke="#59636e"/>`,
    ...shown.map(bar),
    '</svg>',
    '',
  ].join('\n');
}

function bar({ goal, found, met }: Verdict, index: number): string {
  // for CPU less is better: turned over, so that right is better throughout
  const benefit = goal.atMost === undefined ? found.median : 1 / found.median;
  const bound = goal.atMost === undefined ? (goal.atLeast ?? 1) : 1 / goal.atMost;
  const y = TOP + index * LINE;
  const [from, to] = [Math.min(x(1), x(benefit)), Math.max(x(1), x(benefit))];
  const colour = met ? '#1a7f37' : '#bc4c00';
  const middle = y + BAR - 3;
  return [
    `<text x="16" y="${middle}" fill="#1f2328">${escape(goal.text)}</text>`,
    `<rect x="${from.toFixed(1)}" y="${y}" width="${Math.max(1, to - from).toFixed(1)}" height="${BAR}" rx="2" fill="${colour}"/>`,
    `<line x1="${x(bound).toFixed(1)}" y1="${y - 3}" x2="${x(bound).toFixed(1)}" y2="${y + BAR + 3}" stroke="#1f2328" stroke-dasharray="3 2"/>`,
    `<text x="${(benefit >= 1 ? to + 6 : from - 6).toFixed(1)}" y="${middle}" text-anchor="${benefit >= 1 ? 'start' : 'end'}" fill="#1f2328">${found.median.toPrecision(3)} ×</text>`,
  ].join('\n');
}

function x(ratio: number): number {
  const room = (WIDTH - LABELS - 60) / 2;
  const octaves = Math.max(-OCTAVES, Math.min(OCTAVES, Math.log2(ratio)));
  return LABELS + room + (octaves / OCTAVES) * (room - 40);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
