import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import { RequestError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { HttpEnv } from '../env.ts';

/** What each form of a session carries. Made of the session's token one way, so that all replicas know it and none keeps it. */
export function formKey(session: Secret): string {
  return createHmac('sha256', session.reveal()).update('patgate form').digest('base64url');
}

/** @throws RequestError request.forbidden */
export function demandFormKey(given: string, session: Secret): void {
  const [a, b] = [Buffer.from(given), Buffer.from(formKey(session))];
  if (a.length === b.length && timingSafeEqual(a, b)) return;
  throw new RequestError(
    'request.forbidden',
    'This form is out of date: you have signed in again since it was opened. Open the page anew and try once more.',
  );
}

/**
 * A form must have been sent by a page of ours. Every browser of today says where a form comes from, so one that does not say
 * is refused: also the form for signing in, which has no session to carry a key of, can not be sent by others.
 * @throws RequestError request.forbidden
 */
export function demandSameSite(c: Context<HttpEnv>, publicUrl: string | null): void {
  const site = c.req.header('sec-fetch-site');
  if (site !== undefined) {
    if (site === 'same-origin') return;
    throw foreign();
  }
  const origin = c.req.header('origin');
  const own = [new URL(c.req.url).origin, ...(publicUrl === null ? [] : [new URL(publicUrl).origin])];
  if (origin === undefined || !own.includes(origin)) throw foreign();
}

function foreign(): RequestError {
  return new RequestError('request.forbidden', 'This form was not sent from a page of this gateway.');
}
