import { html, NOTHING, type Html } from './html.ts';
import { hidden } from './form.ts';

export interface FilterOptions {
  readonly path: string;
  /** What the form keeps besides its fields, such as how the list is sorted. */
  readonly kept: Readonly<Record<string, string | number | null>>;
  readonly search?: { readonly value: string; readonly placeholder: string; readonly label: string };
  readonly fields?: readonly Html[];
  /** How many of the fields are filled in; those that are stay open. */
  readonly used?: number;
  /** Address without any filter. */
  readonly clear?: string;
  /** Behind the search, at the right. */
  readonly actions?: Html;
}

/** A search and filters above a list: one form whose answer is the list. */
export function filters(options: FilterOptions): Html {
  const { path, kept, search, fields = [], used = 0, clear = path, actions = NOTHING } = options;
  return html`<form class="stack" role="search" action="${path}">
    ${keptFields(kept)}
    <div class="toolbar">
      ${search === undefined ? NOTHING : html`<div class="search">${searchBox(search)}</div>`}
      <span class="push"></span>
      ${actions}
    </div>
    ${
      fields.length === 0
        ? NOTHING
        : html`<details class="card tight" ${used > 0 || search === undefined ? 'open' : ''}>
            <summary>Filters${used === 0 ? '' : ` (${used} in use)`}</summary>
            <div class="filters">${fields}</div>
            <div class="buttons">
              <button class="primary">Show</button>
              ${used === 0 ? NOTHING : html`<a class="button quiet" href="${clear}">Clear</a>`}
            </div>
          </details>`
    }
  </form>`;
}

/** What a form of a list keeps besides its fields; what is empty stays out of the address. */
export function keptFields(kept: FilterOptions['kept']): readonly Html[] {
  return Object.entries(kept).map(([name, value]) =>
    value === null || value === '' ? NOTHING : hidden(name, String(value)),
  );
}

/** The field `q` with its button. */
export function searchBox({ value, placeholder, label }: NonNullable<FilterOptions['search']>): Html {
  return html`<input
      type="search"
      name="q"
      value="${value}"
      aria-label="${label}"
      placeholder="${placeholder}"
      maxlength="200"
    />
    <button class="plain">Search</button>`;
}
