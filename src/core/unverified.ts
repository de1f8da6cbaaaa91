/**
 * Whether an identity provider says of a user's e-mail address that nobody has checked it: some let anyone enter any. OpenID
 * Connect has a boolean here (Core 1.0, section 5.1), some providers write it as text.
 */
export function isUnverified({ email_verified: verified }: Readonly<Record<string, unknown>>): boolean {
  return verified === false || verified === 'false';
}
