import type { TokenView } from '../../../tokens/views.ts';
import type { HttpDeps } from '../../deps.ts';
import type { Visit } from '../visit.ts';

/** Why this visitor can make no token now, and whom to ask; null: nothing stands in the way. */
export async function whyNoToken(
  { policy }: Pick<HttpDeps, 'policy'>,
  { caller, byToken }: Visit,
): Promise<string | null> {
  if (byToken) return 'You signed in with a token. Sign in with your password to make tokens.';
  const { tokensEnabled } = await policy.get();
  if (!tokensEnabled) {
    return caller.privileges.has('admin')
      ? 'Tokens are switched off by policy. You can switch them on under Policy.'
      : 'Tokens are switched off by policy. Ask an administrator.';
  }
  if (!caller.privileges.has('can_use')) {
    return 'You do not have the privilege “can use”. Ask an administrator for it.';
  }
  return null;
}

/** Why this token can not be rotated, and what to do; null: it can. */
export async function whyNotRotate(
  deps: Pick<HttpDeps, 'policy'>,
  visit: Visit,
  { state, rotatedTo }: TokenView,
): Promise<string | null> {
  if (rotatedTo !== null) return 'This token was rotated already. Rotate the one that replaced it.';
  if (state === 'revoked' || state === 'expired') return `This token is ${state}. Generate a new one.`;
  return whyNoToken(deps, visit);
}

/** Why this token can not be revoked; null: it can. */
export function whyNotRevoke({ state }: TokenView): string | null {
  return state === 'revoked' ? 'This token is revoked already.' : null;
}
