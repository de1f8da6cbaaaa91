/** What a password is checked against: one or the other, never both. */
export type StoredPassword =
  | { readonly kind: 'scram'; readonly storedKey: Buffer; readonly serverKey: Buffer }
  | { readonly kind: 'argon2id'; /** PHC string */ readonly hash: string };
