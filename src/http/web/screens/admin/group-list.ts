import type { GroupView } from '../../../../accounts/views.ts';
import type { Form } from '../../form.ts';
import { field, hidden, keyField, passwordAgain, type FieldError } from '../../ui/form.ts';
import { html, NOTHING, type Html } from '../../ui/html.ts';
import { empty } from '../../ui/parts.ts';
import { table, type Column } from '../../ui/table.ts';
import { time } from '../../ui/time.ts';
import type { Visit } from '../../visit.ts';

/** Groups, and a form for one more. @param form what was sent to that form */
export function groupsPart(
  visit: Visit,
  groups: readonly GroupView[],
  whyNot: string | null,
  form: Form | null,
  errors: readonly FieldError[],
): Html {
  return html`<h2>Groups</h2>
    ${groups.length === 0 ? empty('There is no group yet.') : table({ caption: 'Groups', columns: COLUMNS, rows: groups })}
    ${
      whyNot === null
        ? html`<section class="card">
            <form class="toolbar" method="post" action="/admin/groups">
              ${keyField(visit)} ${hidden('group', 'new')}
              ${field({
                name: 'groupName',
                label: 'Name of a new group',
                value: form?.text('groupName') ?? '',
                maxLength: 128,
                bare: true,
                errors,
              })}
              ${passwordAgain(visit, form === null ? [] : errors)}
              <button class="plain">Add group</button>
            </form>
          </section>`
        : NOTHING
    }`;
}

const SHOWN = 5;

const COLUMNS: readonly Column<GroupView>[] = [
  {
    title: 'Group',
    heading: true,
    cell: ({ gid, name }) => html`<a class="name" href="/admin/groups/${gid}">${name}</a>`,
  },
  { title: 'Members', className: 'number', cell: ({ members }) => members.length },
  {
    title: 'Among them',
    cell: ({ members }) =>
      html`<div class="clip dim">
        ${members.slice(0, SHOWN).join(', ')}${members.length > SHOWN ? ', …' : ''}
      </div>`,
  },
  { title: 'Created', cell: ({ createdAt }) => time(createdAt, { withTime: false }) },
];
