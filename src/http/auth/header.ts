import { Secret } from '../../core/secret.ts';

/** What an Authorization header holds, before anyone has looked whether it is true. */
export type Presented =
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'bearer'; readonly secret: Secret }
  /** RFC 7617, user name in UTF-8. */
  | { readonly kind: 'basic'; readonly user: string; readonly secret: Secret };

const MALFORMED = { kind: 'malformed' } as const;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Dremio's clients send the token with this in front of it and no scheme; some write `Bearer` before it as well. */
const DREMIO_PREFIX = '_dremio';

function bearer(text: string): Presented {
  const token = text.startsWith(DREMIO_PREFIX) ? text.slice(DREMIO_PREFIX.length) : text;
  // RFC 6750 b64token; anything else can be no token of ours.
  return /^[A-Za-z0-9._~+/=-]+$/.test(token) ? { kind: 'bearer', secret: new Secret(token) } : MALFORMED;
}

function basic(text: string): Presented {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return MALFORMED;
  let decoded: string;
  try {
    decoded = UTF8.decode(Buffer.from(text, 'base64'));
  } catch {
    return MALFORMED;
  }
  const colon = decoded.indexOf(':');
  if (colon < 0) return MALFORMED;
  return { kind: 'basic', user: decoded.slice(0, colon), secret: new Secret(decoded.slice(colon + 1)) };
}

/** Reads `Bearer X`, `_dremioX` and `Basic X`; the scheme in any case. */
export function parseAuthorization(header: string | undefined): Presented {
  const text = header?.trim() ?? '';
  if (text === '') return { kind: 'none' };
  if (text.startsWith(DREMIO_PREFIX)) return bearer(text);
  const match = /^(bearer|basic) +(\S+)$/i.exec(text);
  if (match === null) return MALFORMED;
  const [, scheme = '', value = ''] = match;
  return scheme.toLowerCase() === 'bearer' ? bearer(value) : basic(value);
}
