import { fatal, GatewayError } from '../core/errors.ts';

/** Who tries to be whom. */
export interface Attempt {
  readonly address: string;
  /** The name that the client gave, whether there is a user of that name or not. */
  readonly account: string;
  readonly encrypted: boolean;
  /** False where only 256 random bits are taken for a secret. */
  readonly guessable: boolean;
}

/** An attempt that was let in. One of `failed`, `succeeded` and `dropped` is to be called once, when it is over. */
export interface Admission {
  /**
   * To be awaited right before a secret is tested, since others that were let in at the same time may have failed meanwhile.
   * @throws GatewayError `login.throttled`
   */
  mayTest(): Promise<void>;
  /** @param fingerprint tells one wrong secret from another; null counts as one not seen before */
  failed(fingerprint: string | null): void;
  succeeded(): void;
  /** Nothing was proved or disproved. */
  dropped(): void;
}

/** The guard against guessing: one for all that takes a password or a token, wherever it counts. */
export interface GuessGuard {
  /** @throws GatewayError `login.throttled` */
  admit(attempt: Attempt): Admission | Promise<Admission>;
  /** The block of addresses that is held responsible as one. */
  lane(address: string): string;
  /** Keyed hash by which a wrong secret is recognised when it is repeated. */
  fingerprint(account: string, secret: Buffer): string;
}

/** Says what it is: it is said of accounts that do not exist just the same. */
export class TooManyGuesses extends GatewayError<'login.throttled'> {
  readonly waitMs: number;

  constructor(account: string, waitMs: number) {
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    const wait = `${seconds} second${seconds === 1 ? '' : 's'}`;
    super(
      'login.throttled',
      `"${account}" has to wait for ${wait}`,
      fatal('53300', `too many failed logins for user "${account}" from this address: try again in ${wait}`),
    );
    this.name = 'TooManyGuesses';
    this.waitMs = waitMs;
  }
}
