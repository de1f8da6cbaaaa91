import { again } from './again.ts';
import { Right } from './right.ts';
import type { Tally } from './tally.ts';
import { OPERATOR, type SoakGround, type User } from './ground.ts';

export interface SoakToken {
  readonly tid: string;
  readonly secret: string;
  readonly user: User;
  readonly right: Right;
}

/** The tokens that clients log in with: some live, and some that were revoked. */
export class Tokens {
  readonly live: SoakToken[] = [];
  readonly dead: SoakToken[] = [];
  readonly #ground: SoakGround;
  readonly #tally: Tally;

  constructor(ground: SoakGround, tally: Tally) {
    this.#ground = ground;
    this.#tally = tally;
  }

  async issue(user: User): Promise<void> {
    const { services } = this.#ground;
    const { token, info } = await services.tokens.issue(OPERATOR, { owner: user.uid, label: 'soak' });
    if (token === null) throw new Error('no token was made');
    this.#tally.changed('token.issue', info.tid);
    this.live.push({ tid: info.tid, secret: token.reveal(), user, right: new Right() });
  }

  /** Revokes one and issues another in its place. */
  async replace(index: number): Promise<void> {
    const [token] = this.live.splice(index % this.live.length, 1);
    if (token === undefined) return;
    const { tid, right, user } = token;
    right.taking();
    await again(() => this.#ground.services.tokens.revoke(OPERATOR, tid, 'soak'), this.#tally);
    right.taken();
    this.#tally.changed('token.revoke', tid);
    this.dead.push(token);
    if (this.dead.length > 200) this.dead.shift();
    this.#tally.count(this.#tally.faults, 'token revoked');
    await again(() => this.issue(user), this.#tally);
  }
}
