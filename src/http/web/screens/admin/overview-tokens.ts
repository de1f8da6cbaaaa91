import type { TokenStanding } from '../../../../tokens/standing.ts';
import type { StateCounts } from '../../../../tokens/views.ts';
import { link } from '../../link.ts';
import { key, shareBar, type Series } from '../../ui/chart.ts';
import { html, type Html } from '../../ui/html.ts';
import { table } from '../../ui/table.ts';

interface State {
  readonly name: string;
  readonly series: Series;
  readonly view: 'expired' | 'revoked' | null;
}

const STATES = {
  live: { name: 'Live', series: 's1', view: null },
  tokens_off: { name: 'Suspended: tokens are switched off', series: 'warn', view: null },
  no_privilege: { name: 'Suspended: no permission to use tokens', series: 's4', view: null },
  owner_disabled: { name: 'Suspended: owner disabled or removed', series: 's3', view: null },
  expired: { name: 'Expired', series: 's2', view: 'expired' },
  revoked: { name: 'Revoked', series: 'bad', view: 'revoked' },
} as const satisfies Record<TokenStanding, State>;

/** How many tokens are in which state. */
export function tokensCard(counts: StateCounts): Html {
  const rows = (Object.keys(STATES) as TokenStanding[]).map((state) => ({
    ...STATES[state],
    count: counts[state],
  }));
  const all = rows.reduce((sum, { count }) => sum + count, 0);
  return html`<section class="card">
    <h2>Tokens by state</h2>
    ${shareBar('Tokens by state; the table has the numbers', rows)}
    ${table<(typeof rows)[number]>({
      caption: 'Tokens by state',
      small: true,
      rows,
      columns: [
        {
          title: 'State',
          heading: true,
          cell: ({ name, series, view }) =>
            html`${key(series)} <a href="${link('/admin/tokens', { view })}">${name}</a>`,
        },
        { title: 'Tokens', className: 'number', cell: ({ count }) => count.toLocaleString('en') },
        {
          title: 'Share',
          className: 'number',
          cell: ({ count }) => (all === 0 ? '–' : `${Math.round((count / all) * 100)} %`),
        },
      ],
    })}
  </section>`;
}
