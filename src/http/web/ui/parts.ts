import { html, NOTHING, type Html } from './html.ts';

/** The page's name, what it is about, and what can be done here. */
export function heading(
  title: string,
  options: { readonly intro?: string | Html; readonly actions?: Html } = {},
): Html {
  return html`<div class="heading">
    <div>
      <h1>${title}</h1>
      ${options.intro === undefined ? NOTHING : html`<p class="intro">${options.intro}</p>`}
    </div>
    ${options.actions === undefined ? NOTHING : html`<div class="actions">${options.actions}</div>`}
  </div>`;
}

/** What has just been done; read out when the page opens. */
export function done(text: string | null): Html {
  return text === null ? NOTHING : html`<p class="notice good" role="status">${text}</p>`;
}

/** In place of a list that has nothing in it. */
export function empty(text: string, action: Html = NOTHING): Html {
  return html`<div class="empty">
    <p>${text}</p>
    ${action}
  </div>`;
}

export interface ActionOptions {
  readonly href: string;
  readonly text: string;
  readonly kind?: 'primary' | 'danger' | 'plain' | 'quiet';
  /** For screen readers, where the text alone does not say which one is meant. */
  readonly label?: string;
  /** Opens as a dialog where there is a script, else as a page of its own. */
  readonly dialog?: boolean;
  /** Why it can not be used, and whom to ask; null: it can. */
  readonly disabledBecause?: string | null;
}

/** A link that looks like a button. Where it can not be used it stays in its place and says why. */
export function action(options: ActionOptions): Html {
  const { href, text, kind = 'plain', label, dialog = false, disabledBecause = null } = options;
  const name = label === undefined ? NOTHING : html`aria-label="${label}"`;
  if (disabledBecause !== null) return greyButton(text, kind, disabledBecause, label);
  return html`<a class="button ${kind}" href="${href}" ${name} ${dialog ? 'data-dialog' : ''}>${text}</a>`;
}

/** A button that can be reached and read, but does nothing; the reason stands beside it. */
function greyButton(text: string, kind: string, because: string, label: string | undefined): Html {
  const id = `why-${text.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`;
  return html`<span class="grey">
    <button
      type="button"
      class="${kind}"
      aria-disabled="true"
      aria-describedby="${id}"
      ${label === undefined ? NOTHING : html`aria-label="${label}"`}
    >
      ${text}
    </button>
    <span class="why" id="${id}">${because}</span>
  </span>`;
}

/** Facts as name and value. */
export function facts(entries: readonly (readonly [name: string, value: Html | string | number])[]): Html {
  return html`<dl class="facts">
    ${entries.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

export interface Tab {
  readonly href: string;
  readonly text: string;
  readonly count?: number;
  readonly current: boolean;
}

/** Links between views of one list. */
export function tabs(label: string, entries: readonly Tab[]): Html {
  return html`<nav class="tabs" aria-label="${label}">
    ${entries.map(
      ({ href, text, count, current }) =>
        html`<a href="${href}" ${current ? html`aria-current="page"` : NOTHING}
          >${text}${count === undefined ? NOTHING : html` <span class="count">${count}</span>`}</a
        >`,
    )}
  </nav>`;
}

export interface PagerOptions {
  readonly from: number;
  readonly shown: number;
  readonly total: number;
  readonly previous: string | null;
  readonly next: string | null;
  readonly what: string;
}

export function pager({ from, shown, total, previous, next, what }: PagerOptions): Html {
  const number = (n: number) => n.toLocaleString('en');
  return html`<nav class="pager" aria-label="Pages">
    <span
      >${shown === 0 ? `0 ${what}` : `${number(from + 1)}–${number(from + shown)} of ${number(total)} ${what}`}</span
    >
    ${previous === null ? NOTHING : html`<a class="button plain" href="${previous}" rel="prev">Previous</a>`}
    ${next === null ? NOTHING : html`<a class="button plain" href="${next}" rel="next">Next</a>`}
  </nav>`;
}
