import { NETWORK_RULES } from '../../accounts/network-rules.ts';
import type { PrincipalFacts } from '../../accounts/principal.ts';
import type { UserView } from '../../accounts/views.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Asked } from '../../login/method.ts';
import { checkDatabase, checkNetwork, checkRole } from '../../session/allow.ts';
import type { TokenView } from '../../tokens/views.ts';
import type { Engine } from '../../upstream/engine.ts';
import { engineRole } from '../../upstream/identity.ts';
import type { Route } from '../../upstream/open.ts';
import type { Router } from '../../upstream/routes.ts';

/** One rule that a login meets. */
export interface RuleVerdict {
  /** By which secret: `password`, or a tid; null for what holds whatever the secret. */
  readonly by: string | null;
  readonly rule: string;
  readonly passes: boolean;
  readonly detail: string;
}

/** Where a login goes, and where it comes from. */
export interface Circumstances {
  /** Null when there is none. */
  readonly route: Route | null;
  /** Null: the SQL console, where there are no roles, or nowhere. */
  readonly engine: Engine | null;
  /** Null: not asked about. */
  readonly address: string | null;
}

type RuleFacts = Pick<PrincipalFacts, 'name' | 'databases' | 'token' | 'engineRole'>;

export function methodRule(asked: Asked): RuleVerdict {
  const byMethod = {
    cleartext: 'asked for the secret in cleartext, over TLS only',
    'scram-sha-256': 'asked for SCRAM-SHA-256, over TLS also with channel binding',
  };
  const details = {
    token: 'asked for the token in cleartext, over TLS only',
    'token-by-id': byMethod['scram-sha-256'],
    oauth: 'asked for an identity provider’s token by OAUTHBEARER, over TLS only',
  };
  const detail = asked.kind === 'named' ? byMethod[asked.method] : details[asked.kind];
  return pass(null, 'method', detail);
}

export function accountRule(user: UserView | null): RuleVerdict {
  if (user === null) return fail(null, 'account', 'there is no user of that name or e-mail');
  const detail = `${user.name} (${user.kind}) is ${user.state}`;
  return user.state === 'active' ? pass(null, 'account', detail) : fail(null, 'account', detail);
}

/** The engine and database that a requested name leads to. */
export function findRoute(
  user: UserView,
  database: string | null,
  router: Router,
): { rule: RuleVerdict; route: Route | null } {
  const asked = database === null ? 'none named: ' : '';
  try {
    const route = router(database, user);
    const detail = `${asked}"${route.name}" is "${route.database}" on engine ${route.engine}`;
    return { rule: pass(null, 'route', detail), route };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { rule: fail(null, 'route', error.message), route: null };
  }
}

type NetworkFacts = Parameters<typeof checkNetwork>[0];

const FROM_ANYWHERE = { token: null, networks: null, policyNetworks: null } as const;

/** What holds whatever the secret. */
export function placeRules(
  { name, networks }: UserView,
  policyNetworks: readonly string[] | null,
  address: string | null,
): RuleVerdict[] {
  return [
    ...networkRules(null, { ...FROM_ANYWHERE, name, policyNetworks }, address),
    ...networkRules(null, { ...FROM_ANYWHERE, name, networks }, address),
  ];
}

/** @param facts with one list; without any there is no rule */
function networkRules(by: string | null, facts: NetworkFacts, address: string | null): RuleVerdict[] {
  const { token, networks, policyNetworks } = facts;
  const lists = { policy: policyNetworks, user: networks, token: token?.networks ?? null };
  const rule = NETWORK_RULES.find((one) => lists[one] !== null);
  if (address === null || rule === undefined) return [];
  const check = (): void => checkNetwork(facts, { address });
  return [tried(by, `${rule} network`, check, () => `${address} is in one of the ${rule}’s networks`)];
}

/** @param limit 0: there is none, and so no rule */
export function limitRule(by: string | null, rule: string, running: number, limit: number): RuleVerdict[] {
  if (limit === 0) return [];
  const detail = `${running} running, ${limit} allowed`;
  return [running < limit ? pass(by, rule, detail) : fail(by, rule, detail)];
}

/** A token opens sessions of its owner only, whoever is named. */
export function ownerRule(token: TokenView, user: UserView): RuleVerdict[] {
  return token.uid === user.uid ? [] : [fail(token.tid, 'owner', `the token is ${token.owner}’s`)];
}

export function passwordRules(user: UserView, circumstances: Circumstances): RuleVerdict[] {
  const secret = user.hasPassword
    ? pass('password', 'secret', 'there is a password')
    : fail('password', 'secret', 'the account has no password');
  return [secret, ...limitsOf('password', { ...user, token: null }, circumstances)];
}

const STANDINGS: Readonly<Record<TokenView['state'], string>> = {
  live: 'is live',
  revoked: 'is revoked',
  expired: 'has expired',
  owner_disabled: 'belongs to a user who is disabled or removed',
  no_privilege: 'belongs to a user without the privilege can_use',
  tokens_off: 'does not work while tokens are switched off',
};

export function tokenRules(user: UserView, token: TokenView, circumstances: Circumstances): RuleVerdict[] {
  const detail = `"${token.label}" ${STANDINGS[token.state]}`;
  const standing =
    token.state === 'live' ? pass(token.tid, 'token', detail) : fail(token.tid, 'token', detail);
  return [standing, ...limitsOf(token.tid, { ...user, token: { ...token, exchange: null } }, circumstances)];
}

/** What a proved secret may do there, by the same checks as a login. */
function limitsOf(by: string, facts: RuleFacts, { route, engine, address }: Circumstances): RuleVerdict[] {
  const role = facts.token?.role ?? null;
  const rules: RuleVerdict[] = [];
  const rule = (name: string, check: () => void, passes: string): void => {
    rules.push(tried(by, name, check, () => passes));
  };
  if (role !== null) rule('role', () => checkRole(facts), `"${role}" is the token’s to use`);
  if (route !== null)
    rule('database', () => checkDatabase(facts, route.name), `"${route.name}" may be reached`);
  const { name, token } = facts;
  rules.push(...networkRules(by, { ...FROM_ANYWHERE, name, token }, address));
  if (engine !== null) {
    const sessionRole = (): string => engineRole(engine, facts);
    rules.push(tried(by, 'engine role', sessionRole, (own) => `session as ${own}`));
  }
  return rules;
}

function tried<T>(
  by: string | null,
  rule: string,
  check: () => T,
  describe: (value: T) => string,
): RuleVerdict {
  try {
    return pass(by, rule, describe(check()));
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return fail(by, rule, error.message);
  }
}

function pass(by: string | null, rule: string, detail: string): RuleVerdict {
  return { by, rule, passes: true, detail };
}

function fail(by: string | null, rule: string, detail: string): RuleVerdict {
  return { by, rule, passes: false, detail };
}
