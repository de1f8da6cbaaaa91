import type { PrincipalFacts } from '../accounts/principal.ts';
import { fatal, GatewayError } from '../core/errors.ts';
import type { Engine } from './engine.ts';

/** NAMEDATALEN − 1: PostgreSQL cuts longer names off, so that another role would be logged in than the one asked for. */
export const MAX_NAME_BYTES = 63;

type RoleEngine = Pick<Engine, 'name' | 'identity' | 'serviceRole'>;
type RoleFacts = Pick<PrincipalFacts, 'name' | 'token' | 'engineRole'>;

/**
 * The role that a principal's session is opened as.
 * @throws GatewayError login.role_not_allowed
 */
export function engineRole(engine: RoleEngine, principal: RoleFacts): string {
  const role = engine.identity === 'service' ? serviceRole(engine, principal) : ownRole(principal);
  if (Buffer.byteLength(role) > MAX_NAME_BYTES) {
    throw refused(`engine role "${role}" is longer than ${MAX_NAME_BYTES} bytes`);
  }
  return role;
}

/** A token that is limited to one role must not run as another, though everybody else here does. */
function serviceRole(engine: RoleEngine, { token }: RoleFacts): string {
  if (engine.serviceRole === null) throw new Error(`engine "${engine.name}" has no service role`);
  const limit = token?.role ?? null;
  if (limit !== null && limit !== engine.serviceRole) {
    throw refused(
      `the token is limited to role "${limit}", which engine "${engine.name}" does not open sessions as`,
    );
  }
  return engine.serviceRole;
}

function ownRole({ name, token, engineRole: role }: RoleFacts): string {
  const own = token?.role ?? role;
  // The user's name is no substitute: whoever may name users would name a superuser.
  if (own === null || own === '')
    throw refused(`user "${name}" has no engine role: ask an administrator to set one`);
  return own;
}

function refused(why: string): GatewayError {
  return new GatewayError('login.role_not_allowed', why, fatal('28000', why));
}
