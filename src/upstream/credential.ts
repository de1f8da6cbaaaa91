import type { Secret } from '../core/secret.ts';
import { deriveKeys, type ClientKeys, type ScramParameters } from '../scram/keys.ts';

/** With what the gateway proves to an engine that it may be a role. */
export type EngineCredential =
  /** Nothing: the engine trusts the connection, or its client certificate. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'password';
      readonly password: Secret;
      /** SCRAM keys of the password. The last ones are kept, so that only the first login of a role costs PBKDF2. */
      scramKeys(parameters: ScramParameters): Promise<ClientKeys>;
    }
  /** `md5` and the MD5 of password and role, as PostgreSQL stores it. */
  | { readonly kind: 'md5'; readonly hash: Secret }
  /** ClientKey and ServerKey for one salt and iteration count; the password stays unknown. */
  | { readonly kind: 'scram'; readonly keys: ClientKeys & ScramParameters };

export type PasswordCredential = EngineCredential & { readonly kind: 'password' };

export function passwordCredential(password: Secret): PasswordCredential {
  // A role has one salt at a time: an engine that names another has a new secret for it, or is another engine.
  let last: { readonly parameters: ScramParameters; readonly keys: Promise<ClientKeys> } | null = null;
  return {
    kind: 'password',
    password,
    scramKeys(parameters) {
      if (last === null || !sameParameters(last.parameters, parameters)) {
        last = { parameters, keys: deriveKeys(password.reveal(), parameters) };
      }
      return last.keys;
    },
  };
}

export function sameParameters(a: ScramParameters, b: ScramParameters): boolean {
  return a.iterations === b.iterations && a.salt.equals(b.salt);
}
