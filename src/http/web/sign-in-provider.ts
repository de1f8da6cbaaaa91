import { z } from 'zod';

/** What must be remembered, in the browser, from leaving for the provider until coming back. */
export const ProviderTrip = z.object({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  /** Whether the provider was told to ask for the password again. */
  again: z.boolean(),
});
export type ProviderTrip = z.infer<typeof ProviderTrip>;

/** `reason` is for the log. */
export type Vouched =
  | { readonly ok: true; /** name or e-mail address */ readonly user: string }
  | { readonly ok: false; readonly reason: string };

/** The operator's identity provider, at which people sign in (OpenID Connect, authorization code flow with PKCE). */
export interface SignInProvider {
  /** Its host, for people. */
  readonly name: string;
  /** @param returnUrl where the provider sends the browser afterwards */
  begin(returnUrl: string, again: boolean): Promise<{ readonly url: string; readonly trip: ProviderTrip }>;
  /** @param query of the address with which the browser came back */
  finish(returnUrl: string, query: string, trip: ProviderTrip): Promise<Vouched>;
}
