import type { Happenings } from './happenings.ts';
import type { Right } from './right.ts';

/** A login that is over, one way or the other. Monotonic milliseconds. */
export interface Attempt {
  readonly user: string;
  /** Whether the secret is one that never opened anything. */
  readonly isWrong: boolean;
  /** What has to be there for it to succeed: the token's, the account's. */
  readonly rights: readonly Right[];
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Refusal {
  readonly sqlState: string;
  readonly text: string;
}

/** Reads what a client heard: fields of an ErrorResponse, one after the other; null: nothing of the kind. */
export function refusalOf(heard: string): Refusal | null {
  const found = /(?:^| )C([0-9A-Z]{5}) M(.*)/s.exec(heard);
  return found === null ? null : { sqlState: found[1] ?? '', text: (found[2] ?? '').trim() };
}

/** docs/faults.md says which these are. */
const STORE_AWAY =
  /^logins are unavailable: the token store (?:cannot be reached|cannot do its work) at the moment/;
const ENGINE_AWAY = /^the engine "[^"]*" is not available at the moment/;
/** The engine's own, while it starts or stops. */
const ENGINE_STARTS =
  /^the database system is (?:starting up|shutting down|not yet accepting connections|in recovery mode)/;

/** The engine's own, to one that is told to end. */
const SESSION_ENDED = /^terminating connection due to administrator command/;

/** @param heard null: no word, the connection was closed @returns why it was wrong to refuse this login so; null: it was right */
export function judgeRefusal(attempt: Attempt, heard: Refusal | null, happenings: Happenings): string | null {
  const { fromMs, toMs } = attempt;
  const wrong = (why: string): string =>
    `a login was refused ${why}: ${heard === null ? 'no word' : `${heard.sqlState} ${heard.text}`}` +
    `, after ${Math.round(toMs - fromMs)} ms, ${happenings.lastBefore(toMs)}`;
  if (heard === null) return wrong('without an answer');
  switch (heard.sqlState) {
    case '28P01':
      if (!heard.text.startsWith(`password authentication failed for user "${attempt.user}"`)) {
        return wrong('in other words than PostgreSQL’s');
      }
      return mayBeRefused(attempt) ? null : wrong('although its secret was good');
    case '57P01':
      // The engine's own word, where the session that was being opened is the one that was ended.
      if (!SESSION_ENDED.test(heard.text)) return wrong('in words that nobody was promised');
      return happenings.near('an engine session', fromMs, toMs) === undefined
        ? wrong('while nobody ended its session')
        : null;
    case '57P03':
      if (STORE_AWAY.test(heard.text)) {
        return happenings.near('store', fromMs, toMs) === undefined
          ? wrong('while the store was there')
          : null;
      }
      if (ENGINE_AWAY.test(heard.text) || ENGINE_STARTS.test(heard.text)) {
        const broken =
          happenings.near('engine', fromMs, toMs) ?? happenings.near('an engine session', fromMs, toMs);
        return broken === undefined ? wrong('while the engine was there') : null;
      }
      return wrong('in words that nobody was promised');
    default:
      return wrong('with a SQLSTATE that nobody was promised');
  }
}

/** @returns why this login must not have succeeded; null: it was right */
export function judgeAdmission({ isWrong, rights, fromMs, toMs }: Attempt): string | null {
  if (isWrong) return 'a login by a wrong password';
  if (rights.some((right) => right.isGone(fromMs, toMs))) {
    return 'a login by a token that was revoked before, or of a user who was disabled';
  }
  return null;
}

function mayBeRefused({ isWrong, rights, fromMs, toMs }: Attempt): boolean {
  return isWrong || rights.some((right) => right.mayBeGone(fromMs, toMs));
}
