import type { Hasher } from '../accounts/hasher.ts';
import { markOfStored } from '../accounts/password.ts';
import { auditEntry } from '../accounts/permission.ts';
import type { Clock } from '../core/clock.ts';
import { RequestError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { deriveKeys } from '../scram/keys.ts';
import type { Audit } from '../store/audit.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import type { OpenedSession, ProvedCaller, SessionKind } from './authenticator.ts';
import type { Credentials, TokenWithAccount } from './credentials.ts';
import { generateToken, tokenDigest } from './format.ts';
import { endOf, tokenStanding } from './standing.ts';

interface Deps {
  readonly store: Store;
  readonly credentials: Credentials;
  readonly hasher: Hasher;
  readonly audit: Pick<Audit, 'append'>;
  readonly clock: Clock;
}

const HOUR_MS = 3_600_000;
const LIFETIMES_MS = { login: 30 * HOUR_MS, exchange: HOUR_MS, web: 12 * HOUR_MS } as const satisfies Record<
  SessionKind,
  number
>;

/** @throws RequestError request.unauthenticated, when what was proved is not worth anything any more */
export async function openSession(
  deps: Deps,
  proved: ProvedCaller,
  kind: SessionKind,
  lifetimeMs: number = LIFETIMES_MS[kind],
): Promise<OpenedSession> {
  const { store, clock, credentials, audit } = deps;
  const { actor } = proved;
  const now = clock.now();
  const parent = actor.tid === null ? null : await credentials.byTid(actor.tid);
  if (actor.tid !== null && (parent === null || tokenStanding(parent, now) !== 'live')) {
    throw new RequestError('request.unauthenticated', 'The token behind this session is not valid any more.');
  }
  const parentEnd = parent === null ? null : endOf(parent.token);
  const end = new Date(now.getTime() + lifetimeMs);
  const expiresAt = parentEnd !== null && parentEnd < end ? parentEnd : end;
  const token = generateToken('session');
  // What was got for a token may take its place on the wire, and so needs keys for SCRAM.
  const keys = kind === 'exchange' && parent !== null ? await wireKeys(deps, parent, token) : null;
  const row = {
    digest: tokenDigest(token.reveal()),
    kind,
    uid: actor.uid,
    tid: actor.tid,
    stored_key: keys?.storedKey ?? null,
    server_key: keys?.serverKey ?? null,
    created_at: now,
    expires_at: expiresAt,
  };
  await store.transaction(async (trx) => {
    await demandStillProved(trx, proved);
    await trx.insertInto('http_sessions').values(row).execute();
    // A login is in the audit by itself; this is a new credential, for the wire, too.
    if (kind !== 'exchange' || parent === null) return;
    const { tid, label } = parent.token;
    const target = { kind: 'token', id: tid, name: label };
    await audit.append(auditEntry(actor, 'token.exchange', target, { detail: { expiresAt } }), trx);
  });
  return { token, expiresAt };
}

/**
 * A password takes a while to check. Whoever changes it meanwhile, or disables its user, ends the sessions that there are; the
 * user's row is held still so that this one either is among them, or is not opened.
 */
async function demandStillProved(
  trx: StoreTransaction,
  { actor, passwordMark }: ProvedCaller,
): Promise<void> {
  const user = await trx
    .selectFrom('users')
    .select(['password', 'disabled_at', 'removed_at'])
    .where('uid', '=', actor.uid)
    .forShare()
    .executeTakeFirst();
  const enters = user?.disabled_at === null && user.removed_at === null;
  if (enters && (passwordMark === null || passwordMark === markOfStored(user.password))) return;
  throw new RequestError('request.unauthenticated', 'What was proved is not valid any more.');
}

function wireKeys(
  { hasher }: Deps,
  { account }: TokenWithAccount,
  token: Secret,
): ReturnType<typeof deriveKeys> {
  const { scramSalt: salt, scramIterations: iterations } = account;
  return deriveKeys(token.reveal(), { salt, iterations }, (...of) => hasher.pbkdf2(...of));
}
