import { RequestError } from '../core/errors.ts';
import type { AuditAction, AuditEntry } from '../store/audit.ts';
import type { Actor, Privilege, Scope } from './actor.ts';

const PRIVILEGE_NAMES = {
  can_use: 'can use',
  manage_all: 'manage all',
  admin: 'admin',
} as const satisfies Record<Privilege, string>;

/** @throws RequestError request.forbidden */
export function demandPrivilege(actor: Actor, privilege: Privilege): void {
  if (actor.privileges.has(privilege)) return;
  throw new RequestError('request.forbidden', `This needs the privilege "${PRIVILEGE_NAMES[privilege]}".`);
}

/**
 * Whoever comes by a token can only make credentials when the token was given that scope: otherwise one stolen token would
 * be as good as all that its thief makes from it.
 * @throws RequestError request.forbidden
 */
export function demandScope(actor: Actor, scope: Scope): void {
  if (!isByToken(actor) || actor.scopes.includes(scope)) return;
  throw new RequestError(
    'request.forbidden',
    `This needs a login by password, or a token with the scope "${scope}".`,
  );
}

/**
 * What administrators do, and what only they see: a token without the scope "accounts" carries none of it.
 * @throws RequestError request.forbidden
 */
export function demandAdmin(actor: Actor): void {
  demandPrivilege(actor, 'admin');
  demandScope(actor, 'accounts');
}

/** Whether `demandAdmin` lets the actor pass. */
export function isAdmin(actor: Actor): boolean {
  return actor.privileges.has('admin') && (!isByToken(actor) || actor.scopes.includes('accounts'));
}

/** An identity provider's access token is one, too, without any scope of ours; who signs in to the page there comes by a session. */
function isByToken({ tid, via }: Actor): boolean {
  return tid !== null || via === 'oauth';
}

export interface AuditTarget {
  readonly kind: string;
  readonly id: string | null;
  readonly name: string | null;
}

/** What an actor did to something, for the audit. */
export function auditEntry(
  actor: Actor,
  action: AuditAction,
  target: AuditTarget | null,
  more: { readonly reason?: string | null; readonly detail?: Readonly<Record<string, unknown>> | null } = {},
): AuditEntry {
  const { uid, name, via, tid, address, application } = actor;
  return { action, outcome: 'ok', actor: { uid, name, via, tid }, target, address, application, ...more };
}

/** Runs an action of an actor; when the actor may not, the audit says so. */
export async function auditRefusals<T>(
  note: (entry: AuditEntry) => void,
  actor: Actor,
  action: AuditAction,
  target: AuditTarget | null,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RequestError && isRefusal(error)) {
      note({ ...auditEntry(actor, action, target, { reason: error.code }), outcome: 'refused' });
    }
    throw error;
  }
}

function isRefusal({ code }: RequestError): boolean {
  return code === 'request.forbidden' || code.startsWith('policy.');
}
