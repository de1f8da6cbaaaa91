import { TooManyGuesses, type Admission } from '../../accounts/guess-guard.ts';
import { addressBlock } from '../../core/address.ts';
import { RequestError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { Origin } from '../../tokens/service.ts';
import type { HttpDeps } from '../deps.ts';
import { RateLimited } from '../failure.ts';
import { barredFrom } from './barred.ts';
import type { Proved } from './callers.ts';
import { FailureLimiter } from './limiter.ts';

const MAX_KEYS = 20_000;

type Deps = Pick<HttpDeps, 'authenticator' | 'guard' | 'audit' | 'tokenUsers' | 'clock'>;

/**
 * Checks names and passwords. Guessing at one name is slowed down by the guard that SQL logins have, too; and one address may
 * fail so often in all, since here a try costs its sender next to nothing.
 */
export class SignIn {
  readonly #deps: Deps;
  readonly #byAddress: FailureLimiter;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#byAddress = new FailureLimiter({
      burst: 40,
      perSecond: 0.5,
      maxKeys: MAX_KEYS,
      clock: deps.clock,
    });
  }

  /**
   * @param name a user's name or e-mail, or a reserved one with a token as the password
   * @throws RequestError request.unauthenticated, one of NETWORK_CODES; RateLimited; GatewayError login.throttled, login.overloaded
   */
  async prove(name: string, secret: Secret, origin: Origin): Promise<Proved> {
    const { authenticator, guard } = this.#deps;
    const block = addressBlock(origin.address ?? '');
    const waitMs = this.#byAddress.waitMs(block);
    if (waitMs > 0) throw new RateLimited(waitMs, 'Too many failed logins. Try again later.');
    const admission = await this.#admit(name, origin, block);
    const answer = await authenticator.password(name, secret, origin).catch((error: unknown) => {
      admission.dropped();
      throw error;
    });
    if (answer.ok) {
      admission.succeeded();
      return answer;
    }
    const barred = barredFrom(origin.address, answer.reason);
    if (barred !== null) {
      // No guess: the secret was right. But what it costs the audit is held to the same measure.
      admission.succeeded();
      this.#byAddress.spend(block);
      throw barred;
    }
    admission.failed(guard.fingerprint(name, Buffer.from(secret.reveal(), 'utf8')));
    this.#byAddress.spend(block);
    throw new RequestError('request.unauthenticated', 'Name or password is wrong.');
  }

  async #admit(name: string, { address, application }: Origin, block: string): Promise<Admission> {
    const { guard, audit, tokenUsers } = this.#deps;
    const guessable = !tokenUsers.includes(name);
    try {
      const admission = await guard.admit({
        address: address ?? '',
        account: name,
        encrypted: true,
        guessable,
      });
      await admission.mayTest().catch((error: unknown) => {
        admission.dropped();
        throw error;
      });
      return admission;
    } catch (error) {
      if (!(error instanceof TooManyGuesses)) throw error;
      // Also bounds how many of these the audit gets to hear of.
      this.#byAddress.spend(block);
      const actor = { uid: null, name, via: 'unproved', tid: null };
      audit.note({
        action: 'http.login',
        outcome: 'refused',
        actor,
        address,
        application,
        reason: error.code,
      });
      throw error;
    }
  }
}
