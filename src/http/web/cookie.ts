import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { Secret } from '../../core/secret.ts';
import type { HttpEnv } from '../env.ts';

/**
 * Bound to this host, its root path and TLS by its name (RFC 6265bis, section 4.1.3.2). A browser takes such a cookie over
 * TLS only, and Safari no Secure one at all from http://localhost: on plain http, which is possible on loopback alone, it has
 * another name.
 */
const SECURE_NAME = '__Host-patgate';
const LOOPBACK_NAME = 'patgate';

/** Whether the browser reached this over TLS: to this listener, or to a proxy at the public address. */
export function isSecure(c: Context<HttpEnv>, publicUrl: string | null): boolean {
  const here = new URL(c.req.url);
  if (here.protocol === 'https:') return true;
  if (publicUrl === null) return false;
  const { protocol, host } = new URL(publicUrl);
  return protocol === 'https:' && host === here.host;
}

/** The session token that the browser sent; null when it sent none. */
export function readSession(c: Context<HttpEnv>, secure: boolean): Secret | null {
  const value = getCookie(c, secure ? SECURE_NAME : LOOPBACK_NAME);
  return value === undefined || value === '' ? null : new Secret(value);
}

/** Without an age: closing the browser signs out, and the store knows when the session ends. */
export function writeSession(c: Context<HttpEnv>, token: Secret, secure: boolean): void {
  setCookie(c, secure ? SECURE_NAME : LOOPBACK_NAME, token.reveal(), options(secure));
}

export function dropSession(c: Context<HttpEnv>, secure: boolean): void {
  deleteCookie(c, secure ? SECURE_NAME : LOOPBACK_NAME, options(secure));
}

function options(secure: boolean): { path: '/'; httpOnly: true; sameSite: 'Strict'; secure: boolean } {
  return { path: '/', httpOnly: true, sameSite: 'Strict', secure };
}
