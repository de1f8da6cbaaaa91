import type { Visit } from '../visit.ts';
import { errorSummary, hidden, keyField, passwordAgain, type FieldError } from './form.ts';
import { html, NOTHING, type Html } from './html.ts';
import { action } from './parts.ts';

export interface Question {
  readonly title: string;
  /** What happens, and to whom. */
  readonly body: Html;
  /** Where the form goes. */
  readonly post: string;
  readonly button: string;
  readonly kind: 'primary' | 'danger';
  readonly cancel: string;
  readonly fields?: Html;
  readonly hidden?: Readonly<Record<string, string>>;
  readonly errors: readonly FieldError[];
  /** Why it can not be done, and whom to ask; null: it can. */
  readonly whyNot: string | null;
}

/** Asks before something happens: a page of its own, or a dialog where there is a script. Asks for the password again. */
export function question(options: Question, visit: Visit): Html {
  const { title, body, errors, whyNot } = options;
  const cancel = action({ href: options.cancel, text: whyNot === null ? 'Cancel' : 'Back', kind: 'quiet' });
  return html`<div class="medium">
    <section class="card ask">
      <h1 id="ask-title">${title}</h1>
      ${errorSummary(errors)} ${body}
      ${
        whyNot === null
          ? html`<form class="stack" method="post" action="${options.post}">
              ${keyField(visit)}
              ${Object.entries(options.hidden ?? {}).map(([name, value]) => hidden(name, value))}
              ${options.fields ?? NOTHING} ${passwordAgain(visit, errors)}
              <div class="buttons"><button class="${options.kind}">${options.button}</button> ${cancel}</div>
            </form>`
          : html`<p class="notice warn">${whyNot}</p>
              <div class="buttons">${cancel}</div>`
      }
    </section>
  </div>`;
}
