import { InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../core/duration.ts';
import { parseNetwork } from '../core/networks.ts';

/** Stands for no rule. */
export const ANY = 'any';

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

/** A list divided by commas, or `any` for no rule. */
export function networksArgument(value: string): readonly string[] | null {
  if (value === ANY) return null;
  return value.split(',').map((entry) => {
    const network = parseNetwork(entry);
    if (network === null) throw new InvalidArgumentError(`"${entry}" is no address or network, nor any.`);
    return network;
  });
}

/** @returns milliseconds */
export function durationArgument(value: string): number {
  const ms = parseDuration(value);
  if (ms === null) throw new InvalidArgumentError('Not a duration such as 30 days, 24h or 10min.');
  return ms;
}

export function countArgument(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('Not a whole number.');
  return Number(value);
}

export function switchArgument(value: string): boolean {
  if (/^(on|true|yes)$/i.test(value)) return true;
  if (/^(off|false|no)$/i.test(value)) return false;
  throw new InvalidArgumentError('Neither on nor off.');
}

/** A moment, as ISO-8601, or as a duration before now. */
export function momentArgument(value: string): Date {
  const ago = parseDuration(value);
  if (ago !== null) return new Date(Date.now() - ago);
  const moment = /^\d{4}-\d{2}-\d{2}/.test(value) ? new Date(value) : new Date(NaN);
  if (Number.isNaN(moment.getTime())) {
    throw new InvalidArgumentError('Neither a moment such as 2026-01-31T12:00Z nor a time ago such as 24h.');
  }
  return moment;
}

/** An option that takes one of a few words; may be given several times. */
export function severalOf(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, `${description}: ${choices.join(', ')} (may be repeated)`).argParser(
    (value: string, previous: readonly string[] | undefined) => {
      if (!choices.includes(value)) {
        throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`);
      }
      return collect(value, previous);
    },
  );
}
