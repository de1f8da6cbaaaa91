import { formatDuration, parseDuration } from '../../../../core/duration.ts';
import { RequestError } from '../../../../core/errors.ts';
import { PolicyOutOfBounds } from '../../../../tokens/policy-rules.ts';
import type { Policy, PolicyPatch } from '../../../../tokens/policy-service.ts';
import type { Form } from '../../form.ts';
import { checkbox, field, select, type FieldError } from '../../ui/form.ts';
import { html, type Html } from '../../ui/html.ts';

type NumberKey = { [K in keyof Policy]: Policy[K] extends number ? K : never }[keyof Policy];

interface NumberField {
  readonly label: string;
  readonly hint: string;
  /** Milliseconds are told and read as durations. */
  readonly unit: 'duration' | 'days' | 'tokens';
}

export const NUMBERS: Readonly<Record<NumberKey, NumberField>> = {
  maxLifetimeMs: {
    label: 'Maximum lifetime',
    hint: 'Such as 180 days, or 12 hours. Binds new tokens only.',
    unit: 'duration',
  },
  defaultLifetimeMs: { label: 'Default lifetime', hint: 'Where nobody says how long.', unit: 'duration' },
  rotationOverlapMs: {
    label: 'Overlap after a rotation',
    hint: 'How long the old secret lives on, where the rotation does not say.',
    unit: 'duration',
  },
  revokeUnusedDays: {
    label: 'Revoke after unused days',
    hint: 'With the reason “inactive”. 0: never.',
    unit: 'days',
  },
  maxLiveTokensPerUser: {
    label: 'Live tokens for each user',
    hint: 'At most; 128 can be set.',
    unit: 'tokens',
  },
  expiryNoticeDays: {
    label: 'Days of notice before expiry',
    hint: 'A login with a token that ends within so many days brings a notice. 0: none.',
    unit: 'days',
  },
  auditRetentionDays: {
    label: 'Days to keep the audit',
    hint: 'Older rows are pruned. 0: kept for ever.',
    unit: 'days',
  },
};

export const NUMBER_KEYS = Object.keys(NUMBERS) as readonly NumberKey[];

/**
 * What a form asks for.
 * @throws RequestError request.invalid, naming the field
 */
export function policyPatchOf(form: Form): PolicyPatch {
  const numbers = NUMBER_KEYS.map((key) => [key, numberOf(form, key)] as const);
  return {
    ...(Object.fromEntries(numbers) as PolicyPatch),
    neverExpiringAllowed: form.has('neverExpiringAllowed'),
    createAndUse: form.text('createAndUse') === 'granted' ? 'granted' : 'everyone',
    networks: form.words('networks'),
  };
}

function numberOf(form: Form, key: NumberKey): number {
  const { label, unit } = NUMBERS[key];
  if (unit !== 'duration') {
    const count = form.wholeNumber(key, `“${label}”`);
    if (count !== null) return count;
    throw new RequestError('request.invalid', `“${label}” must be a whole number.`, { field: key });
  }
  const ms = form.text(key) === '0' ? 0 : parseDuration(form.text(key));
  if (ms !== null) return ms;
  throw new RequestError('request.invalid', `“${label}” must be a duration such as 30 days or 12 hours.`, {
    field: key,
  });
}

/** A number out of its bounds, in the words of the form. */
export function inFormWords(error: unknown): unknown {
  if (!(error instanceof PolicyOutOfBounds) || !isNumberKey(error.key)) return error;
  const { key, least, most } = error;
  const bounds = `from ${valueText(key, least)} to ${valueText(key, most)}`;
  return new RequestError('request.invalid', `“${NUMBERS[key].label}” must be ${bounds}.`, { field: key });
}

function isNumberKey(key: keyof Policy): key is NumberKey {
  return key in NUMBERS;
}

/** @param form what was sent; null: the policy as it is */
export function policyFields(form: Form | null, policy: Policy, errors: readonly FieldError[]): Html {
  const number = (key: NumberKey): Html => {
    const { label, hint, unit } = NUMBERS[key];
    return field({
      name: key,
      label,
      value: form?.text(key) ?? valueText(key, policy[key]),
      ...(unit === 'duration' ? {} : { type: 'number' as const, min: '0' }),
      required: true,
      hint,
      errors,
    });
  };
  return html`<fieldset>
      <legend>Lifetime</legend>
      <div class="fields">
        ${number('maxLifetimeMs')} ${number('defaultLifetimeMs')} ${number('rotationOverlapMs')}
      </div>
      ${checkbox({
        name: 'neverExpiringAllowed',
        value: 'yes',
        label: 'Tokens may never expire',
        checked: form === null ? policy.neverExpiringAllowed : form.has('neverExpiringAllowed'),
      })}
    </fieldset>
    <fieldset>
      <legend>Use</legend>
      <div class="fields">
        ${select({
          name: 'createAndUse',
          label: 'Who may create and use tokens',
          value: form?.text('createAndUse') ?? policy.createAndUse,
          choices: [
            { value: 'everyone', text: 'Everyone' },
            { value: 'granted', text: 'Users and groups with the privilege “can use”' },
          ],
          hint: 'Tokens of those who lose it are suspended, their sessions are closed. When it comes back, they work again.',
          errors,
        })}
        ${number('maxLiveTokensPerUser')} ${number('revokeUnusedDays')} ${number('expiryNoticeDays')}
      </div>
    </fieldset>
    <fieldset>
      <legend>Audit</legend>
      <div class="fields">${number('auditRetentionDays')}</div>
    </fieldset>
    <fieldset>
      <legend>Networks</legend>
      ${field({
        name: 'networks',
        label: 'Allowed networks',
        value: form?.text('networks') ?? (policy.networks ?? []).join('\n'),
        lines: 3,
        hint: 'Addresses or networks such as 10.0.0.0/8, from which anybody may log in; sessions from elsewhere are closed. Left empty: anywhere.',
        errors,
      })}
    </fieldset>`;
}

/** A length that is told in words is read back as the same one. */
function valueText(key: NumberKey, value: number): string {
  if (NUMBERS[key].unit !== 'duration') return String(value);
  if (value === 0) return '0 hours';
  const exact = parseDuration(formatDuration(value)) === value;
  return exact ? formatDuration(value) : `${value} ms`;
}

const NAMES: Readonly<Record<keyof Policy, string>> = {
  tokensEnabled: 'Tokens',
  neverExpiringAllowed: 'Tokens may never expire',
  createAndUse: 'Who may create and use tokens',
  networks: 'Allowed networks',
  ...(Object.fromEntries(NUMBER_KEYS.map((key) => [key, NUMBERS[key].label])) as Record<NumberKey, string>),
};

/** Each field of a policy, or of a part of one, with its value in words. */
export function policyFacts(policy: PolicyPatch): readonly (readonly [name: string, value: string])[] {
  return (Object.keys(NAMES) as (keyof Policy)[]).flatMap((key) => {
    const value = policy[key];
    return value === undefined ? [] : [[NAMES[key], inWords(key, value)] as const];
  });
}

function inWords(key: keyof Policy, value: Policy[keyof Policy]): string {
  if (value === null) return 'anywhere';
  if (typeof value === 'object') return value.join(', ');
  if (key === 'tokensEnabled') return value === true ? 'on' : 'off';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value === 'everyone' ? 'everyone' : 'those with “can use”';
  const { unit } = NUMBERS[key as NumberKey];
  if (unit === 'duration') return valueText(key as NumberKey, value);
  if (value === 0) return key === 'auditRetentionDays' ? 'kept for ever' : 'never';
  return `${value} ${unit === 'days' ? (value === 1 ? 'day' : 'days') : value === 1 ? 'token' : 'tokens'}`;
}
