import { jsonAnswer, type ErrorAnswer } from '../facade.ts';
import type { Failure } from '../failure.ts';

/** Jersey's text, which those products are built on. */
const METHOD_NOT_ALLOWED = 'HTTP 405 Method Not Allowed';

export interface DremioError {
  readonly errorMessage: string;
  readonly moreInfo: string;
  readonly stackTrace: readonly string[];
}

export function dremioError(errorMessage: string): DremioError {
  return { errorMessage, moreInfo: '', stackTrace: [] };
}

/** A bad or missing bearer gets 401 without a body; everything else Dremio's error object. */
export function renderDremioError({ status, message }: Failure): ErrorAnswer {
  if (status === 401) return { status, headers: {}, body: null };
  return jsonAnswer(status, dremioError(status === 405 ? METHOD_NOT_ALLOWED : message));
}
