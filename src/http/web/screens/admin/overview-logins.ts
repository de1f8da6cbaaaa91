import { HOUR_MS } from '../../../../core/duration.ts';
import type { LoginCount } from '../../../../store/audit.ts';
import { columnChart, key, type Part, type Series } from '../../ui/chart.ts';
import { html, type Html } from '../../ui/html.ts';
import { empty } from '../../ui/parts.ts';
import { table } from '../../ui/table.ts';

interface Kind {
  readonly name: string;
  readonly series: Series;
}

interface Hour {
  readonly from: Date;
  readonly parts: readonly Part[];
}

/** How far back the chart goes. */
export const HOURS = 24;

const METHOD_SERIES = ['s1', 's2', 's3', 's4'] as const;

/** Logins of the last day, hour by hour, by method and outcome: as a chart, and as a table under it. */
export function loginsCard(counts: readonly LoginCount[], now: Date): Html {
  const kinds = kindsOf(counts);
  const hours = hoursOf(counts, kinds, now);
  return html`<section class="card">
    <h2>Logins per hour</h2>
    ${
      counts.length === 0
        ? empty(`Nobody has logged in within ${HOURS} hours.`)
        : html`<p class="legend">
              ${kinds.map(({ name, series }) => html`<span>${key(series)} ${name}</span>`)}
            </p>
            ${columnChart('Logins per hour; the table below has the numbers', hours.map(columnOf), axis(hours))}
            <details>
              <summary>As a table</summary>
              ${hourTable(hours, kinds)}
            </details>`
    }
  </section>`;
}

/** Methods by how often they are used, at most four; then what did not succeed. */
function kindsOf(counts: readonly LoginCount[]): readonly Kind[] {
  const totals = new Map<string, number>();
  for (const count of counts) {
    const name = nameOf(count);
    totals.set(name, (totals.get(name) ?? 0) + count.count);
  }
  const sorted = [...totals].sort(([, a], [, b]) => b - a).map(([name]) => name);
  const methods = sorted.filter((name) => name !== 'refused' && name !== 'failed');
  const most = METHOD_SERIES.length;
  return [
    ...methods.slice(0, most).map((name, i) => ({ name, series: METHOD_SERIES[i] ?? 's4' })),
    ...(sorted.includes('refused') ? [{ name: 'refused', series: 'warn' as const }] : []),
    ...(sorted.includes('failed') ? [{ name: 'failed', series: 'bad' as const }] : []),
  ];
}

function nameOf({ outcome, method }: LoginCount): string {
  return outcome === 'ok' ? (method ?? 'unknown method') : outcome;
}

function hoursOf(counts: readonly LoginCount[], kinds: readonly Kind[], now: Date): readonly Hour[] {
  const thisHour = Math.floor(now.getTime() / HOUR_MS) * HOUR_MS;
  return Array.from({ length: HOURS }, (_, i) => {
    const from = new Date(thisHour - (HOURS - 1 - i) * HOUR_MS);
    const own = counts.filter(({ hour }) => hour.getTime() === from.getTime());
    const parts = kinds.map(({ name, series }) => ({
      name,
      series,
      count: own.filter((one) => nameOf(one) === name).reduce((sum, { count }) => sum + count, 0),
    }));
    return { from, parts };
  });
}

function columnOf({ from, parts }: Hour): Parameters<typeof columnChart>[1][number] {
  const told = parts.filter(({ count }) => count > 0).map(({ name, count }) => `${name} ${count}`);
  return { title: `${clock(from)}: ${told.join(', ')}`, parts };
}

function axis(hours: readonly Hour[]): readonly string[] {
  return hours.filter((_, i) => i % 6 === 0).map(({ from }) => clock(from));
}

/** `19:00`, UTC. */
function clock(date: Date): string {
  return date.toISOString().slice(11, 16);
}

function hourTable(hours: readonly Hour[], kinds: readonly Kind[]): Html {
  return table<Hour>({
    caption: 'Logins per hour',
    small: true,
    rows: hours.toReversed(),
    columns: [
      {
        title: 'Hour',
        heading: true,
        cell: ({ from }) => `${from.toISOString().slice(5, 10)} ${clock(from)}`,
      },
      ...kinds.map(({ name }) => ({
        title: name,
        className: 'number',
        cell: ({ parts }: Hour) => parts.find((part) => part.name === name)?.count ?? 0,
      })),
    ],
  });
}
