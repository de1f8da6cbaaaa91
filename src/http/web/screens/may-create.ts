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
