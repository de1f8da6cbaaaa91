import type { NewUser, UserPatch } from '../../../../accounts/service.ts';
import type { UserView } from '../../../../accounts/views.ts';
import type { Form } from '../../form.ts';
import { field, type FieldError } from '../../ui/form.ts';
import { html, type Html } from '../../ui/html.ts';

type Profile = Required<
  Pick<NewUser, 'email' | 'displayName' | 'engineRole' | 'defaultDatabase' | 'databases' | 'networks'>
>;

/** What a form says of a user, beside the name and the password. */
export function profileOf(form: Form): Profile & UserPatch {
  return {
    email: form.optional('email'),
    displayName: form.optional('displayName'),
    engineRole: form.optional('engineRole'),
    defaultDatabase: form.optional('defaultDatabase'),
    databases: namesOf(form.text('databases')),
    networks: form.words('networks'),
  };
}

/** A database's name may hold blanks and commas, but no line's end. */
function namesOf(text: string): readonly string[] | null {
  const names = text
    .split(/[\r\n]+/)
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return names.length === 0 ? null : names;
}

/** @param form what was sent; null: what the user has */
export function profileFields(
  form: Form | null,
  user: Pick<UserView, keyof Profile> | null,
  errors: readonly FieldError[],
): Html {
  const value = (name: keyof Profile): string => {
    if (form !== null) return form.text(name);
    const had = user?.[name] ?? '';
    return typeof had === 'string' ? had : had.join('\n');
  };
  return html`${field({ name: 'displayName', label: 'Display name', value: value('displayName'), maxLength: 255, errors })}
  ${field({
    name: 'email',
    label: 'E-mail',
    type: 'email',
    value: value('email'),
    maxLength: 255,
    hint: 'May be used in place of the name to log in; notices go there.',
    autocomplete: 'off',
    errors,
  })}
  ${field({
    name: 'engineRole',
    label: 'Engine role',
    value: value('engineRole'),
    maxLength: 63,
    hint: 'As which sessions run on the engine, where engine.identity is “role”.',
    errors,
  })}
  ${field({
    name: 'defaultDatabase',
    label: 'Default database',
    value: value('defaultDatabase'),
    maxLength: 63,
    hint: 'For clients that name none.',
    errors,
  })}
  ${field({
    name: 'databases',
    label: 'Databases',
    value: value('databases'),
    lines: 3,
    hint: 'One on each line. Left empty: any.',
    errors,
  })}
  ${field({
    name: 'networks',
    label: 'Networks',
    value: value('networks'),
    lines: 3,
    hint: 'Addresses or networks such as 10.0.0.0/8, from which they may log in. Left empty: anywhere that the policy allows.',
    errors,
  })}`;
}
