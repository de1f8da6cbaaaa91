import type { Tally } from './tally.ts';
import { OPERATOR, type SoakGround, type User } from './ground.ts';

export interface SoakToken {
  readonly tid: string;
  readonly secret: string;
  readonly user: User;
  /** Monotonic milliseconds at which the revocation was answered; null: live. */
  revokedAtMs: number | null;
}

/** The tokens that clients log in with: some live, and some that were revoked. */
export class Tokens {
  readonly live: SoakToken[] = [];
  readonly dead: SoakToken[] = [];
  readonly #ground: SoakGround;

  constructor(ground: SoakGround) {
    this.#ground = ground;
  }

  async issue(user: User): Promise<void> {
    const { services } = this.#ground;
    const { token, info } = await services.tokens.issue(OPERATOR, { owner: user.uid, label: 'soak' });
    if (token === null) throw new Error('no token was made');
    this.live.push({ tid: info.tid, secret: token.reveal(), user, revokedAtMs: null });
  }

  /** Revokes one and issues another in its place. */
  async replace(index: number, tally: Tally): Promise<void> {
    const [token] = this.live.splice(index % this.live.length, 1);
    if (token === undefined) return;
    await this.#ground.services.tokens.revoke(OPERATOR, token.tid, 'soak');
    token.revokedAtMs = performance.now();
    this.dead.push(token);
    if (this.dead.length > 200) this.dead.shift();
    tally.count(tally.faults, 'token revoked');
    await this.issue(token.user);
  }
}
