import { randomUUID } from 'node:crypto';

/** The caller's own id when it is harmless in a log line, else a new one. */
export function requestIdOf(given: string | undefined): string {
  return given !== undefined && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID();
}
