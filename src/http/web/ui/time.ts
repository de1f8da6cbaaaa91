import { DAY_MS } from '../../../core/duration.ts';
import { html, type Html } from './html.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** `25 Nov 2026`, UTC. */
export function dateText(date: Date): string {
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()] ?? ''} ${date.getUTCFullYear()}`;
}

/** `25 Nov 2026, 19:08`, UTC. */
export function timeText(date: Date): string {
  return `${dateText(date)}, ${date.toISOString().slice(11, 16)}`;
}

/** A moment, short; its title has it in full, and the script may add the reader's own time there. */
export function time(date: Date, { withTime = true }: { readonly withTime?: boolean } = {}): Html {
  return timeAs(date, withTime ? timeText(date) : dateText(date));
}

/** A moment in other words, such as "2 hours ago". */
export function timeAs(date: Date, text: string): Html {
  const iso = date.toISOString();
  return html`<time datetime="${iso}" title="${iso.slice(0, 19).replace('T', ' ')} UTC">${text}</time>`;
}

const UNITS = [
  ['day', DAY_MS],
  ['hour', DAY_MS / 24],
  ['minute', 60_000],
] as const;

/** `in 5 days`, `2 hours ago`; rounded. */
export function relative(date: Date, now: Date): string {
  const ms = date.getTime() - now.getTime();
  for (const [unit, size] of UNITS) {
    const count = Math.round(Math.abs(ms) / size);
    if (count >= 2 || (count === 1 && unit === 'minute')) {
      const text = `${count} ${unit}${count === 1 ? '' : 's'}`;
      return ms < 0 ? `${text} ago` : `in ${text}`;
    }
  }
  return ms < 0 ? 'just now' : 'in less than a minute';
}

/** What a date field holds. */
export function dateValue(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** The end of the day that a date field holds; null when it holds none. */
export function endOfDay(text: string): Date | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return null;
  const start = new Date(`${text}T00:00:00Z`);
  return Number.isNaN(start.getTime()) || dateValue(start) !== text
    ? null
    : new Date(start.getTime() + DAY_MS - 1000);
}
