import type { NetworkRule } from '../accounts/network-rules.ts';
import { fatal, type ClientFault, type ErrorCode, type SqlStateOf } from '../core/errors.ts';
import type { StandingReport } from '../tokens/standings.ts';
import type { LiveSession } from './registry.ts';

/** Why a session is ended from our side. */
export interface Ending {
  /** For log and audit. */
  readonly code: ErrorCode;
  /** The client's last message. */
  readonly fault: ClientFault;
  /** How long what runs may still take before it is cancelled. */
  readonly graceMs: number;
  /** An open transaction has the grace, too, and not a statement only. */
  readonly sparesTransaction?: boolean;
  /** When the cause came about, in monotonic milliseconds, for the time it took to act; null: not measured. */
  readonly since: number | null;
}

type Named = Pick<LiveSession, 'principal'>;

/** @param report what the store says of the token; undefined: it knows none */
export function tokenEnding(
  { principal }: Named,
  report: Pick<StandingReport, 'standing' | 'reason'> | undefined,
  since: number | null,
): Ending {
  const label = principal.token?.label ?? '';
  const standing = report?.standing ?? 'revoked';
  const at = { since };
  switch (standing) {
    case 'revoked': {
      const reason = report?.reason ?? null;
      const why = reason === null ? '' : ` (${reason})`;
      return ending('session.revoked', terminating(`token "${label}" was revoked${why}`), at);
    }
    case 'expired':
      return ending('session.expired', terminating(`token "${label}" has expired; create a new one`), at);
    case 'owner_disabled':
      return ending(
        'session.principal_lost',
        terminating(`the owner of token "${label}" is disabled; ask an administrator`),
        at,
      );
    case 'no_privilege':
      return ending(
        'session.principal_lost',
        terminating(`the owner of token "${label}" may no longer use tokens; ask an administrator`),
        at,
      );
    case 'tokens_off':
      return ending('session.tokens_off', terminating('tokens are switched off; ask an administrator'), at);
    case 'live':
      throw new Error('a live token ends no session');
    default:
      return standing satisfies never;
  }
}

export function exchangeEnded({ principal }: Named, since: number | null): Ending {
  const label = principal.token?.label ?? '';
  return ending(
    'session.revoked',
    terminating(`the access token that token "${label}" was exchanged for was ended`),
    { since },
  );
}

/** @param graceMs what runs at the moment of expiry may finish */
export function expired(session: Named, graceMs: number): Ending {
  return { ...tokenEnding(session, { standing: 'expired', reason: null }, null), graceMs };
}

export function ownerDisabled({ principal }: Named, since: number | null): Ending {
  return ending(
    'session.principal_lost',
    terminating(`user "${principal.name}" is disabled; ask an administrator`),
    { since },
  );
}

export function passwordChanged({ principal }: Named, since: number | null): Ending {
  return ending(
    'session.password_changed',
    terminating(`the password of user "${principal.name}" was changed; log in with the new one`),
    { since },
  );
}

export function roleLost(
  { principal, engine }: Pick<LiveSession, 'principal' | 'engine'>,
  since: number | null,
): Ending {
  return ending(
    'session.principal_lost',
    terminating(`role "${engine.role}" is no longer that of user "${principal.name}"; connect again`),
    { since },
  );
}

export function databaseLost(
  { principal, database }: Pick<LiveSession, 'principal' | 'database'>,
  since: number | null,
): Ending {
  return ending(
    'session.database_not_allowed',
    terminating(
      `user "${principal.name}" is no longer allowed to connect to database "${database}"; ask an administrator`,
    ),
    { since },
  );
}

/** @param rule whose list its address is in no more; a token's never changes */
export function networkLost(
  { principal, peer }: Pick<LiveSession, 'principal' | 'peer'>,
  rule: Exclude<NetworkRule, 'token'>,
  since: number | null,
): Ending {
  const whose = rule === 'policy' ? 'the networks that the policy allows' : "that user's networks";
  const why = `user "${principal.name}" may no longer come from address ${peer.address}`;
  const told = `${why}: connect from one of ${whose} or ask an administrator`;
  return rule === 'policy'
    ? ending('session.policy_network_not_allowed', terminating(told), { since })
    : ending('session.user_network_not_allowed', terminating(told), { since });
}

export function killed(reason: string, by: string, since: number): Ending {
  return ending('session.killed', terminating(`ended by ${by}${reason === '' ? '' : ` (${reason})`}`), {
    since,
  });
}

export function draining(graceMs: number): Ending {
  return {
    ...ending('session.draining', terminating('the gateway is shutting down'), { graceMs }),
    sparesTransaction: true,
  };
}

/** SQLSTATE is PostgreSQL's for its own idle_session_timeout. */
export const IDLE_TOO_LONG = ending(
  'session.idle',
  fatal('57P05', 'terminating connection due to idle-session timeout (sessions.idle_timeout)'),
);

/** The client broke the protocol; the relay itself notices, and says so. */
export const CLIENT_PROTOCOL = ending('session.client_protocol', fatal('08P01', 'invalid message length'));

/**
 * For an engine that went away between two messages. 57P02 is what PostgreSQL says when a crash ends a session: drivers and
 * their pools throw the connection away.
 */
export function engineLost(engine: string): Ending {
  const why = `terminating connection: the engine "${engine}" closed it without a word`;
  return ending('engine.lost', fatal('57P02', why));
}

/** In the words of src/backend/tcop/postgres.c, with the reason. */
function terminating(why: string): ClientFault<'57P01'> {
  return fatal('57P01', `terminating connection: ${why}`);
}

function ending<Code extends ErrorCode>(
  code: Code,
  fault: ClientFault<SqlStateOf<Code>>,
  { graceMs = 0, since = null }: Partial<Pick<Ending, 'graceMs' | 'since'>> = {},
): Ending {
  return { code, fault, graceMs, since };
}
