import type { StartupMessage } from '../wire/startup.ts';

const LONGEST = 64;

/** `application_name` as listings and the audit show it: cut, and without control or other invisible characters. */
export function applicationName(startup: Pick<StartupMessage, 'parameters'>): string | null {
  const sent = startup.parameters.find(({ name }) => name === 'application_name')?.value;
  if (sent === undefined || sent.length === 0) return null;
  return sent.toString('utf8').replace(/\p{C}/gu, '?').slice(0, LONGEST);
}
