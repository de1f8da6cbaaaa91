import { DAY_MS, formatDuration } from '../../../core/duration.ts';
import { RequestError } from '../../../core/errors.ts';
import type { Policy } from '../../../store/policy.ts';
import type { Lifetime } from '../../../tokens/service.ts';
import type { Form } from '../form.ts';
import { field, select, type Choice, type FieldError } from '../ui/form.ts';
import { html, type Html } from '../ui/html.ts';
import { dateText, dateValue, endOfDay, timeText } from '../ui/time.ts';

const PRESET_DAYS = [7, 30, 60, 90, 180, 365] as const;
const CUSTOM = 'custom';
const NEVER = 'never';

/**
 * What the form's fields `lifetime` and `until` ask for.
 * @throws RequestError request.invalid, naming the field
 */
export function lifetimeOf(form: Form, policy: Policy, now: Date): Lifetime {
  const choice = form.text('lifetime');
  if (choice === NEVER) return 'never';
  if (choice !== CUSTOM) {
    const days = /^\d{1,5}$/.test(choice) ? Number(choice) : null;
    return days === null ? 'default' : { ms: days * DAY_MS };
  }
  const end = endOfDay(form.text('until'));
  if (end === null)
    throw new RequestError('request.invalid', 'Choose the last day of the token.', { field: 'until' });
  const ms = end.getTime() - now.getTime();
  if (ms <= 0)
    throw new RequestError('request.invalid', 'The last day has passed already.', { field: 'until' });
  // On the last day that policy allows, its maximum comes before midnight.
  const latest = now.getTime() + policy.maxLifetimeMs;
  return { ms: dateValue(new Date(latest)) === dateValue(end) ? Math.min(ms, policy.maxLifetimeMs) : ms };
}

/** Lengths to choose from, each with the day on which it ends; what policy forbids is not among them. */
export function lifetimeField(form: Form, policy: Policy, now: Date, errors: readonly FieldError[]): Html {
  const fromNow = (ms: number) => new Date(now.getTime() + ms);
  const latest = fromNow(policy.maxLifetimeMs);
  const chosen =
    form.optional('lifetime') ?? String(Math.min(policy.defaultLifetimeMs, policy.maxLifetimeMs) / DAY_MS);
  const choices = lifetimeChoices(policy, chosen, fromNow);
  const maximum = `At most ${formatDuration(policy.maxLifetimeMs)}, until ${timeText(latest)}.`;
  return html`<div class="lifetime">
    ${select({
      name: 'lifetime',
      label: 'Lifetime',
      value: choices.some(({ value }) => value === chosen) ? chosen : CUSTOM,
      choices,
      hint: policy.neverExpiringAllowed
        ? `${maximum} Or never, if a tool can not be given a new one.`
        : maximum,
      errors,
    })}
    <div class="custom">
      ${field({
        name: 'until',
        label: 'Last day',
        type: 'date',
        value: form.text('until'),
        min: dateValue(now),
        max: dateValue(latest),
        hint: 'Until the end of that day (UTC). Used when “Choose a day” is selected.',
        errors,
      })}
    </div>
  </div>`;
}

function lifetimeChoices(policy: Policy, chosen: string, fromNow: (ms: number) => Date): Choice[] {
  const most = policy.maxLifetimeMs / DAY_MS;
  const asked = /^\d{1,5}$/.test(chosen) ? [Number(chosen)] : [];
  const ownDefault = Math.min(policy.defaultLifetimeMs / DAY_MS, most);
  const days = [...new Set([...PRESET_DAYS, ...asked, ownDefault, Math.floor(most)])]
    .filter((count) => count > 0 && count <= most)
    .sort((a, b) => a - b);
  return [
    ...days.map((count) => ({
      value: String(count),
      text: `${formatDuration(count * DAY_MS)} (${dateText(fromNow(count * DAY_MS))})`,
    })),
    { value: CUSTOM, text: 'Choose a day…' },
    ...(policy.neverExpiringAllowed ? [{ value: NEVER, text: 'Never expires' }] : []),
  ];
}
