import { link } from '../link.ts';
import type { Visit } from '../visit.ts';
import { html, NOTHING, type Html } from './html.ts';

/** What is wrong with a form; `field` null: with the whole of it. */
export interface FieldError {
  readonly field: string | null;
  readonly message: string;
}

export interface FieldOptions {
  readonly name: string;
  readonly label: string;
  readonly value?: string;
  readonly hint?: string | Html;
  readonly errors?: readonly FieldError[];
  /** Of the input element; text when left out. */
  readonly type?: 'text' | 'password' | 'number' | 'date' | 'search' | 'email';
  readonly required?: boolean;
  readonly maxLength?: number;
  readonly min?: string;
  readonly max?: string;
  readonly autocomplete?: string;
  readonly placeholder?: string;
  /** Gets the focus when the page opens. */
  readonly focus?: boolean;
  /** Why it can not be changed; null: it can. */
  readonly disabledBecause?: string | null;
  /** Without the remark that it may be left empty, as in filters. */
  readonly bare?: boolean;
  /** More than one line. */
  readonly lines?: number;
}

/** Proves that a form is from a page of this session. */
export function keyField({ key }: Pick<Visit, 'key'>): Html {
  return hidden('key', key);
}

export function hidden(name: string, value: string): Html {
  return html`<input type="hidden" name="${name}" value="${value}" />`;
}

/** A label, an input, what it is for, and what is wrong with it. */
export function field(options: FieldOptions): Html {
  const { name, label, hint, errors = [], disabledBecause = null } = options;
  const id = `f-${name}`;
  const error = errors.find((one) => one.field === name);
  const described = [
    ...(hint === undefined ? [] : [`${id}-hint`]),
    ...(error === undefined ? [] : [`${id}-error`]),
    ...(disabledBecause === null ? [] : [`${id}-why`]),
  ].join(' ');
  return html`<div class="field${error === undefined ? '' : ' wrong'}">
    <label for="${id}"
      >${label}${options.required === true || options.bare === true ? NOTHING : html` <span class="dim">(optional)</span>`}</label
    >
    ${control(id, options, error !== undefined, described)}
    ${hint === undefined ? NOTHING : html`<p class="hint" id="${id}-hint">${hint}</p>`}
    ${disabledBecause === null ? NOTHING : html`<p class="why" id="${id}-why">${disabledBecause}</p>`}
    ${error === undefined ? NOTHING : html`<p class="error" id="${id}-error">${error.message}</p>`}
  </div>`;
}

function control(id: string, options: FieldOptions, wrong: boolean, described: string): Html {
  const {
    name,
    value = '',
    type = 'text',
    required,
    maxLength,
    min,
    max,
    autocomplete,
    placeholder,
  } = options;
  const attributes = html`id="${id}" name="${name}" ${required === true ? 'required' : ''}
  ${maxLength === undefined ? NOTHING : html`maxlength="${maxLength}"`}
  ${placeholder === undefined ? NOTHING : html`placeholder="${placeholder}"`}
  ${autocomplete === undefined ? NOTHING : html`autocomplete="${autocomplete}"`}
  ${wrong ? html`aria-invalid="true"` : NOTHING}
  ${described === '' ? NOTHING : html`aria-describedby="${described}"`}
  ${options.focus === true ? 'autofocus' : ''} ${(options.disabledBecause ?? null) === null ? '' : 'disabled'}`;
  if (options.lines !== undefined) {
    return html`<textarea rows="${options.lines}" ${attributes}>${value}</textarea>`;
  }
  return html`<input
    type="${type}"
    value="${value}"
    ${min === undefined ? NOTHING : html`min="${min}"`}
    ${max === undefined ? NOTHING : html`max="${max}"`}
    ${attributes}
  />`;
}

export interface Choice {
  readonly value: string;
  readonly text: string;
}

export interface SelectOptions {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly choices: readonly Choice[];
  readonly hint?: string | Html;
  readonly errors?: readonly FieldError[];
}

export function select({ name, label, value, choices, hint, errors = [] }: SelectOptions): Html {
  const id = `f-${name}`;
  const error = errors.find((one) => one.field === name);
  const described = [
    ...(hint === undefined ? [] : [`${id}-hint`]),
    ...(error === undefined ? [] : [`${id}-error`]),
  ].join(' ');
  return html`<div class="field${error === undefined ? '' : ' wrong'}">
    <label for="${id}">${label}</label>
    <select
      id="${id}"
      name="${name}"
      ${error === undefined ? NOTHING : html`aria-invalid="true"`}
      ${described === '' ? NOTHING : html`aria-describedby="${described}"`}
    >
      ${choices.map(
        (choice) =>
          html`<option value="${choice.value}" ${choice.value === value ? 'selected' : ''}>
            ${choice.text}
          </option>`,
      )}
    </select>
    ${hint === undefined ? NOTHING : html`<p class="hint" id="${id}-hint">${hint}</p>`}
    ${error === undefined ? NOTHING : html`<p class="error" id="${id}-error">${error.message}</p>`}
  </div>`;
}

export interface CheckOptions {
  readonly name: string;
  readonly value: string;
  readonly label: string | Html;
  readonly checked: boolean;
  readonly hint?: string;
  readonly disabledBecause?: string | null;
}

export function checkbox({ name, value, label, checked, hint, disabledBecause = null }: CheckOptions): Html {
  const id = `f-${name}-${value}`;
  const note = disabledBecause ?? hint;
  return html`<div class="check">
    <input
      type="checkbox"
      id="${id}"
      name="${name}"
      value="${value}"
      ${checked ? 'checked' : ''}
      ${note === undefined ? NOTHING : html`aria-describedby="${id}-hint"`}
      ${disabledBecause === null ? '' : 'disabled'}
    />
    <label for="${id}">${label}</label>
    ${note === undefined ? NOTHING : html`<p class="${disabledBecause === null ? 'hint' : 'why'}" id="${id}-hint">${note}</p>`}
  </div>`;
}

/** Shown once a change was refused because it would shut out whoever makes it. */
export function forceBox(): Html {
  return checkbox({
    name: 'force',
    value: 'yes',
    label: 'Save it all the same: I know that it shuts me out here',
    checked: false,
  });
}

/** All that is wrong, above the form, with links to the fields. */
export function errorSummary(errors: readonly FieldError[]): Html {
  if (errors.length === 0) return NOTHING;
  return html`<div class="notice bad" role="alert" tabindex="-1" data-focus>
    <h2>
      ${errors.length === 1 ? 'One thing needs your attention' : `${errors.length} things need your attention`}
    </h2>
    <ul>
      ${errors.map(({ field: name, message }) =>
        name === null ? html`<li>${message}</li>` : html`<li><a href="#f-${name}">${message}</a></li>`,
      )}
    </ul>
  </div>`;
}

/**
 * Asks for the password when it was not given lately.
 * @param here where to come back to from the identity provider, for those who have no password
 */
export function passwordAgain(
  { fresh, provider }: Pick<Visit, 'fresh' | 'provider'>,
  errors: readonly FieldError[],
  here = '/tokens',
): Html {
  if (fresh) return NOTHING;
  const again = link('/sign-in/provider', { again: 'yes', next: here });
  return field({
    name: 'password',
    label: 'Your password',
    type: 'password',
    required: true,
    autocomplete: 'current-password',
    hint: html`Asked for again because you signed in more than ten minutes ago.
    ${provider === null ? NOTHING : html`Or <a href="${again}">sign in again with ${provider}</a>.`}`,
    errors,
  });
}
