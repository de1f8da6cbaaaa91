import type { PolicyChange } from '../../../../tokens/policy-service.ts';
import { html, type Html } from '../../ui/html.ts';
import { table } from '../../ui/table.ts';
import { time } from '../../ui/time.ts';
import { policyFacts } from './policy-form.ts';

/** Who changed what, newest first. */
export function historyTable(changes: readonly PolicyChange[]): Html {
  return table<PolicyChange>({
    caption: 'Changes of the policy',
    rows: changes,
    columns: [
      { title: 'When', heading: true, cell: ({ at }) => time(at) },
      { title: 'Who', cell: ({ by }) => by },
      {
        title: 'What',
        cell: ({ before, after }) => {
          const old = new Map(policyFacts(before));
          return html`${policyFacts(after).map(
            ([name, value]) =>
              html`<div>
                ${name}: <span class="dim">${old.get(name) ?? 'unset'} →</span>
                <strong>${value}</strong>
              </div>`,
          )}`;
        },
      },
      { title: 'Version', className: 'number', cell: ({ version }) => version },
    ],
  });
}
