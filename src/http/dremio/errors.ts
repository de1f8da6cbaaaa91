import type { HttpContext } from '../env.ts';
import type { Failure } from '../failure.ts';

export interface DremioError {
  readonly errorMessage: string;
  readonly moreInfo: string;
  readonly stackTrace: readonly string[];
}

export function dremioError(errorMessage: string): DremioError {
  return { errorMessage, moreInfo: '', stackTrace: [] };
}

/** A bad or missing bearer gets 401 without a body; everything else Dremio's error object. */
export function renderDremioError(c: HttpContext, { status, message }: Failure): Response {
  return status === 401 ? c.body(null, 401) : c.json(dremioError(message), status);
}
