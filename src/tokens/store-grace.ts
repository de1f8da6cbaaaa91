import type { Principal } from '../accounts/principal.ts';
import type { Clock } from '../core/clock.ts';
import { describeError, GatewayError, type ClientFault } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { GatewayEvent } from '../store/bus.ts';
import type { Store } from '../store/store.ts';
import type { AccountWithTokens, Credentials, TokenWithAccount } from './credentials.ts';
import { ProvedSecrets, type Answered } from './proved-secrets.ts';

export interface StoreGraceOptions {
  /** For how long after the store found it right a secret opens sessions without the store; 0: never. Asked each time. */
  readonly graceMs: () => number;
  readonly store: Pick<Store, 'ping'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Not reached, or reached where a primary is asked for and none is: in the middle of a failover. */
export interface StoreAway extends GatewayError {
  readonly code: 'store.unreachable' | 'store.read_only';
  readonly client: ClientFault<'57P03'>;
}

/** What one login reads, from the store or, where that cannot be reached, from memory. */
export interface LoginReads {
  readonly credentials: Credentials;
  /** Why the store gave no answer, once one came from memory. */
  readonly graceFor: StoreAway | null;
  /** To be called once, when the login's secret was found right. */
  proved(principal: Principal): void;
}

/** While the store is known to be away, those who need not wait for it wait no longer than this. */
const PATIENCE_MS = 1000;
const OVERDUE = Symbol('overdue');

/**
 * Lets secrets that this process has verified with the store a short while ago open sessions while the store cannot be reached.
 * They count for as long as the bus is heard, and from then on until the store answers anything: who still reaches the store may
 * have changed what nobody tells of any more. Sessions begun so are judged like all others when the connection for events stands again.
 */
export class StoreGrace {
  readonly secrets: ProvedSecrets;
  readonly clock: Clock;
  readonly #graceMs: () => number;
  readonly #store: Pick<Store, 'ping'>;
  readonly #log: Log;
  #away: StoreAway | null = null;
  #logins = 0;
  #isLooking = false;

  constructor({ graceMs, store, clock, log }: StoreGraceOptions) {
    this.#graceMs = graceMs;
    this.#store = store;
    this.clock = clock;
    this.#log = log;
    this.secrets = new ProvedSecrets(graceMs, clock);
  }

  /** Why the store could not be reached when a login last asked it; null when it could. */
  get away(): StoreAway | null {
    return this.#away;
  }

  /** Logins that were proved from memory, since the start. */
  get logins(): number {
    return this.#logins;
  }

  /** @returns null where there is no grace: then the login asks the store as it is */
  begin(credentials: Credentials): LoginReads | null {
    if (this.#graceMs() > 0) return new Reads(credentials, this);
    if (this.secrets.size > 0) this.secrets.clear();
    return null;
  }

  /** To be subscribed to the event bus. */
  handle(event: GatewayEvent): void {
    this.secrets.handle(event);
    if (event.kind === 'resync') this.reached();
    if (event.kind === 'deaf' && this.secrets.size > 0 && !this.#isLooking) void this.#look();
  }

  countLogin(): void {
    this.#logins += 1;
  }

  missed(why: StoreAway): void {
    if (this.#away === null) {
      this.#log.warn({ reason: why.message }, 'the store is away: what it verified lately logs in by grace');
    }
    this.#away = why;
  }

  /** Nobody may be logging in just now: asks whether it is the store that is away, or only the bus. */
  async #look(): Promise<void> {
    this.#isLooking = true;
    try {
      await this.#store.ping();
      this.secrets.answeredUnheard();
    } catch (error) {
      this.#log.debug({ error: describeError(error) }, 'neither events nor answers from the store');
    } finally {
      this.#isLooking = false;
    }
  }

  reached(): void {
    if (this.#away !== null) this.#log.info('the store is back: logins ask it again');
    this.#away = null;
  }
}

class Reads implements LoginReads {
  readonly credentials: Credentials;
  graceFor: StoreAway | null = null;
  readonly #grace: StoreGrace;
  readonly #answered: Answered[] = [];

  constructor(store: Credentials, grace: StoreGrace) {
    this.#grace = grace;
    const ofOne = async (question: string, ask: () => Promise<TokenWithAccount | null>) =>
      withOneToken(await this.#ask(question, async () => withTokens(await ask())));
    this.credentials = {
      byName: (name) => this.#ask(`name ${name}`, () => store.byName(name)),
      byToken: (digest) => ofOne(`token ${digest.toString('hex')}`, () => store.byToken(digest)),
      byTid: (tid) => ofOne(`tid ${tid}`, () => store.byTid(tid)),
      storeSecret: () => store.storeSecret(),
    };
  }

  proved(principal: Principal): void {
    if (this.graceFor !== null) {
      this.#grace.countLogin();
      return;
    }
    for (const answered of this.#answered) this.#grace.secrets.remember(answered, principal);
  }

  async #ask(
    question: string,
    ask: () => Promise<AccountWithTokens | null>,
  ): Promise<AccountWithTokens | null> {
    const { secrets } = this.#grace;
    const asked = secrets.asks();
    const answering = ask().then((answer) => {
      // Also of an answer that comes too late for this login.
      const answered = secrets.answered(question, answer, asked);
      if (answered !== null) this.#answered.push(answered);
      return answer;
    });
    try {
      return await this.#patiently(question, answering);
    } catch (error) {
      if (!isAway(error)) throw error;
      const kept = secrets.recall(question);
      if (kept === null) throw error;
      this.graceFor = error;
      return kept;
    }
  }

  /** Also notes whether there was an answer, whenever that comes. */
  #patiently<Answer>(question: string, asking: Promise<Answer>): Promise<Answer> {
    const { away, secrets, clock } = this.#grace;
    const answered = asking.then(
      (answer) => {
        this.#grace.reached();
        return answer;
      },
      (error: unknown) => {
        if (isAway(error)) this.#grace.missed(error);
        throw error;
      },
    );
    if (away === null || secrets.recall(question) === null) return answered;
    return Promise.race([answered, overdue(clock)]).then((answer) => {
      if (answer === OVERDUE) throw away;
      return answer;
    });
  }
}

function overdue(clock: Clock): Promise<typeof OVERDUE> {
  return new Promise((resolve) => void clock.after(PATIENCE_MS, () => resolve(OVERDUE)));
}

function isAway(error: unknown): error is StoreAway {
  if (!(error instanceof GatewayError)) return false;
  return error.code === 'store.unreachable' || error.code === 'store.read_only';
}

function withTokens(found: TokenWithAccount | null): AccountWithTokens | null {
  return found === null ? null : { ...found, tokens: [found.token] };
}

function withOneToken(found: AccountWithTokens | null): TokenWithAccount | null {
  const token = found?.tokens[0];
  return found === null || token === undefined ? null : { ...found, token };
}
