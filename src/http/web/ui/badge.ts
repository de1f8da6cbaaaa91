import { DAY_MS } from '../../../core/duration.ts';
import type { TokenView } from '../../../tokens/views.ts';
import { html, type Html } from './html.ts';
import { relative } from './time.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'plain';

/** The tone only underlines what the text says. */
export function badge(tone: Tone, text: string): Html {
  return html`<span class="badge ${tone}">${text}</span>`;
}

const SOON_MS = 7 * DAY_MS;

/** Whether a token works, and for how long, in words. */
export function tokenBadge(token: TokenView, now: Date): Html {
  switch (token.state) {
    case 'revoked':
      return badge('bad', 'Revoked');
    case 'expired':
      return badge('plain', 'Expired');
    case 'owner_disabled':
      return badge('warn', 'Suspended: owner disabled');
    case 'no_privilege':
      return badge('warn', 'Suspended: no permission to use tokens');
    case 'tokens_off':
      return badge('warn', 'Suspended: tokens are switched off');
    case 'live':
      return liveBadge(token, now);
    default:
      return token.state satisfies never;
  }
}

function liveBadge({ expiresAt, retiresAt }: TokenView, now: Date): Html {
  if (retiresAt !== null) return badge('info', `Replaced, ends ${relative(retiresAt, now)}`);
  if (expiresAt === null) return badge('info', 'Never expires');
  const soon = expiresAt.getTime() - now.getTime() < SOON_MS;
  return badge(soon ? 'warn' : 'good', `Expires ${relative(expiresAt, now)}`);
}
