import { systemActor, type Actor } from '../accounts/actor.ts';
import { auditEntry } from '../accounts/permission.ts';
import type { Secret } from '../core/secret.ts';
import { endSessionOf } from './end-session.ts';
import { kindOfToken, tokenDigest } from './format.ts';
import { lockTokens, revokeFound } from './revoke.ts';
import type { LeakReport, Origin } from './service.ts';
import type { TokenServiceDeps } from './service-deps.ts';

/** What is dead already leaves no trace: whoever has one such token could fill the audit with it. */
export async function reportLeaked(deps: TokenServiceDeps, raw: Secret, from: Origin): Promise<LeakReport> {
  const { store, clock, audit } = deps;
  const tid = await tidOfSecret(deps, raw);
  if (tid === null) return endLeakedSession(deps, raw, from);
  const reporter = reporterFrom(from);
  return store.transaction(async (trx) => {
    const found = await lockTokens(trx, clock.now(), (eb) => eb.and([eb('tid', '=', tid)]));
    const revoked = await revokeFound(trx, deps, reporter, found, 'reported as leaked');
    if (revoked === 0) return 'dead';
    const target = { kind: 'token', id: tid, name: found[0]?.label ?? null };
    await audit.append(auditEntry(reporter, 'token.leaked', target), trx);
    return 'revoked';
  });
}

/** A session token that was found somewhere ends; what it was opened with may not have leaked. */
async function endLeakedSession(deps: TokenServiceDeps, raw: Secret, from: Origin): Promise<LeakReport> {
  const { store, bus, audit } = deps;
  const text = raw.reveal();
  if (kindOfToken(text) !== 'session') return 'unknown';
  return store.transaction(async (trx) => {
    const ended = await endSessionOf(trx, bus, tokenDigest(text));
    if (ended === null) return 'unknown';
    const { uid, name, tid, kind } = ended;
    const detail = { owner: uid, tid, kind };
    await audit.append(
      auditEntry(reporterFrom(from), 'token.leaked', { kind: 'session', id: null, name }, { detail }),
      trx,
    );
    return 'revoked';
  });
}

const reporterFrom = (from: Origin): Actor => ({ ...systemActor('leak report'), ...from });

export async function tidOfSecret({ store }: TokenServiceDeps, raw: Secret): Promise<string | null> {
  const text = raw.reveal();
  if (kindOfToken(text) !== 'pat') return null;
  const row = await store.db
    .selectFrom('tokens')
    .select('tid')
    .where('digest', '=', tokenDigest(text))
    .executeTakeFirst();
  return row?.tid ?? null;
}
