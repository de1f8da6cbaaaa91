import { html, NOTHING, type Html } from './html.ts';

/** One of at most six colours of the style sheet; the last ones are for what went wrong. */
export type Series = 's1' | 's2' | 's3' | 's4' | 'warn' | 'bad';

export interface Part {
  readonly series: Series;
  readonly name: string;
  readonly count: number;
}

export interface Column {
  /** What a reader is told of the column when pointing at it. */
  readonly title: string;
  readonly parts: readonly Part[];
}

const WIDTH = 100;
const HEIGHT = 100;
const GAP = 0.22;

/** Columns of stacked parts, drawn without text: axis and legend stand around it as HTML, so that they keep their size. */
export function columnChart(label: string, columns: readonly Column[], axis: readonly string[]): Html {
  const top = niceTop(Math.max(0, ...columns.map(total)));
  const step = WIDTH / Math.max(1, columns.length);
  return html`<figure class="chart">
    <div class="plot">
      <span class="axis-y"><span>${top.toLocaleString('en')}</span><span>0</span></span>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${label}">
        <path class="rule" d="M0 0.5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}" />
        ${columns.map((column, index) => stack(column, index * step + (step * GAP) / 2, step * (1 - GAP), top))}
      </svg>
    </div>
    <div class="axis-x">${axis.map((text) => html`<span>${text}</span>`)}</div>
  </figure>`;
}

function stack(column: Column, x: number, width: number, top: number): Html {
  let y = HEIGHT;
  const rects = column.parts.map(({ series, count }) => {
    const height = (count / top) * HEIGHT;
    y -= height;
    return count === 0
      ? NOTHING
      : html`<rect
          class="${series}"
          x="${fixed(x)}"
          y="${fixed(y)}"
          width="${fixed(width)}"
          height="${fixed(height)}"
        />`;
  });
  return total(column) === 0 ? NOTHING : html`<g><title>${column.title}</title>${rects}</g>`;
}

/** One bar divided into parts. */
export function shareBar(label: string, parts: readonly Part[]): Html {
  const all = parts.reduce((sum, part) => sum + part.count, 0);
  let x = 0;
  return html`<svg
    class="share"
    viewBox="0 0 ${WIDTH} 10"
    preserveAspectRatio="none"
    role="img"
    aria-label="${label}"
  >
    <rect class="rest" x="0" y="0" width="${WIDTH}" height="10" />
    ${parts.map(({ series, name, count }) => {
      const width = all === 0 ? 0 : (count / all) * WIDTH;
      const from = x;
      x += width;
      return count === 0
        ? NOTHING
        : html`<rect class="${series}" x="${fixed(from)}" y="0" width="${fixed(width)}" height="10">
            <title>${name}: ${count}</title>
          </rect>`;
    })}
  </svg>`;
}

/** A square in the colour of a series, beside its name. */
export function key(series: Series): Html {
  return html`<svg class="key" viewBox="0 0 10 10" aria-hidden="true">
    <rect class="${series}" width="10" height="10" rx="2" />
  </svg>`;
}

function total({ parts }: Column): number {
  return parts.reduce((sum, part) => sum + part.count, 0);
}

/** The next of 1, 2, 5, 10, 20, …, so that the middle of the axis is a number to say. */
function niceTop(most: number): number {
  if (most <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 5, 6, 8, 10].map((factor) => factor * power).find((top) => top >= most) ?? most;
}

const fixed = (value: number): string => String(Math.round(value * 1000) / 1000);
