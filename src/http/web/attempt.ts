import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { RequestError, type ErrorCode } from '../../core/errors.ts';
import { failureOf } from '../failure.ts';
import type { FieldError } from './ui/form.ts';

export type Attempt<T> = { readonly ok: true; readonly value: T } | Refused;

export interface Refused {
  readonly ok: false;
  readonly status: ContentfulStatusCode;
  readonly code: ErrorCode;
  readonly errors: readonly FieldError[];
}

/** Does what a form asks for; a refusal is returned, so that the form can be shown again with what is wrong. */
export async function attempt<T>(work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    const { status, message } = failureOf(error);
    if (!(error instanceof RequestError) || status >= 500 || status === 401 || status === 404) throw error;
    return { ok: false, status, code: error.code, errors: [{ field: error.field, message }] };
  }
}
