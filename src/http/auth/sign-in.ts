import { RequestError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { Origin } from '../../tokens/service.ts';
import { addressBlock } from '../../core/address.ts';
import type { HttpDeps } from '../deps.ts';
import { RateLimited } from '../failure.ts';
import type { Proved } from './callers.ts';
import { FailureLimiter } from './limiter.ts';

const MAX_KEYS = 20_000;

/**
 * Checks names and passwords, with limits on guessing: for one address, and tighter for one address at one name, so that
 * nobody can lock a user out from elsewhere.
 */
export class SignIn {
  readonly #deps: Pick<HttpDeps, 'authenticator'>;
  readonly #byAddress: FailureLimiter;
  readonly #byName: FailureLimiter;

  constructor(deps: Pick<HttpDeps, 'authenticator' | 'clock'>) {
    this.#deps = deps;
    const { clock } = deps;
    this.#byAddress = new FailureLimiter({ burst: 40, perSecond: 0.5, maxKeys: MAX_KEYS, clock });
    this.#byName = new FailureLimiter({ burst: 10, perSecond: 0.1, maxKeys: MAX_KEYS, clock });
  }

  /**
   * @param name a user's name or e-mail, or a reserved one with a token as the password
   * @throws RequestError request.unauthenticated; RateLimited; GatewayError login.overloaded
   */
  async prove(name: string, secret: Secret, origin: Origin): Promise<Proved> {
    const address = addressBlock(origin.address ?? '');
    const pair = `${address} ${name.toLowerCase()}`;
    const waitMs = Math.max(this.#byAddress.waitMs(address), this.#byName.waitMs(pair));
    if (waitMs > 0) throw new RateLimited(waitMs, 'Too many failed logins. Try again later.');
    const answer = await this.#deps.authenticator.password(name, secret, origin);
    if (answer.ok) return answer;
    this.#byAddress.spend(address);
    this.#byName.spend(pair);
    throw new RequestError('request.unauthenticated', 'Name or password is wrong.');
  }
}
