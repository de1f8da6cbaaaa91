import type { Admission, GuessGuard } from '../accounts/guess-guard.ts';
import type { Hasher } from '../accounts/hasher.ts';
import type { Principal } from '../accounts/principal.ts';
import type { Clock } from '../core/clock.ts';
import type { Credentials } from '../tokens/credentials.ts';
import type { StoreGrace } from '../tokens/store-grace.ts';
import type { MessageReader } from '../wire/message-reader.ts';
import type { StartupMessage } from '../wire/startup.ts';
import type { Transport } from '../wire/transport.ts';
import type { OauthVerifier } from './oauth-verifier.ts';

/** A client that has sent its start-up packet and waits to be asked for a secret. */
export interface LoginClient {
  readonly transport: Pick<Transport, 'write'>;
  readonly reader: Pick<MessageReader, 'next'>;
  readonly startup: Pick<StartupMessage, 'user'>;
  /** Null without TLS. The hash is null where none is defined for the certificate. */
  readonly tls: { readonly endPointHash: Buffer | null } | null;
  readonly peer: { readonly address: string };
}

/** A client whose attempt was let in. */
export interface TriedClient extends LoginClient {
  /** To be awaited right before a secret is tested. @throws GatewayError `login.throttled` */
  readonly mayTest: Admission['mayTest'];
}

/** How named users log in. */
export type LoginMethod = 'scram-sha-256' | 'cleartext';

export interface LoginDeps {
  readonly credentials: Credentials;
  readonly hasher: Hasher;
  readonly method: LoginMethod;
  /** Reserved user names that mean "the password is a token". */
  readonly tokenUsers: readonly string[];
  readonly throttle: GuessGuard;
  readonly clock: Clock;
  /** Left out: no identity provider is configured. */
  readonly oauth?: OauthVerifier;
  /** Left out: no login without the store. */
  readonly grace?: Pick<StoreGrace, 'begin'>;
}

export type LoginOutcome =
  | {
      readonly kind: 'proved';
      readonly principal: Principal;
      /** AuthenticationSASLFinal, or nothing; to be sent in one write with AuthenticationOk. */
      readonly preface: Buffer;
      /** The store could not be reached, and had found the same secret right a short while before. */
      readonly byGrace?: boolean;
    }
  /** The client closed instead of answering: psql does so to ask its user for a password. No failed login. */
  | LeftOutcome;

export interface LeftOutcome {
  readonly kind: 'left';
}

export const LEFT: LeftOutcome = { kind: 'left' };
