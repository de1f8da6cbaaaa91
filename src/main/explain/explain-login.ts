import type { Actor } from '../../accounts/actor.ts';
import type { AccountService } from '../../accounts/service.ts';
import type { UserView } from '../../accounts/views.ts';
import { RequestError } from '../../core/errors.ts';
import { askFor, type Asked } from '../../login/method.ts';
import type { LoginMethod } from '../../login/types.ts';
import type { PolicyService } from '../../tokens/policy-service.ts';
import type { TokenService } from '../../tokens/service.ts';
import type { TokenView } from '../../tokens/views.ts';
import type { Routing } from '../routing.ts';
import {
  accountRule,
  findRoute,
  limitRule,
  methodRule,
  ownerRule,
  passwordRules,
  placeRules,
  tokenRules,
  type Circumstances,
  type RuleVerdict,
} from './rules.ts';

export type { RuleVerdict };

export interface LoginQuestion {
  /** As the client would send it: a name, an e-mail, `$token` or `$token.<tid>`. */
  readonly user: string;
  /** Null: the client names none. */
  readonly database: string | null;
  /** The client's address; null: rules about it are left out. */
  readonly address: string | null;
  /** Only this token; null: the password, and each token that works. */
  readonly tid: string | null;
}

export interface Explanation {
  /** Whether some secret would open a session, as far as the gateway knows. */
  readonly admitted: boolean;
  readonly rules: readonly RuleVerdict[];
}

export interface ExplainDeps extends Routing {
  /** Who asks; sees what their privileges allow. */
  readonly actor: Actor;
  readonly accounts: Pick<AccountService, 'findUser'>;
  readonly tokens: Pick<TokenService, 'get' | 'list'>;
  readonly policy: Pick<PolicyService, 'current'>;
  /** Running sessions of a user, with the token that opened each. */
  readonly sessionsOf: (uid: string) => Promise<readonly { readonly tid: string | null }[]>;
  readonly method: LoginMethod;
  readonly tokenUsers: readonly string[];
  /** 0: no limit. */
  readonly maxPerUser: number;
}

/**
 * What a login would meet, rule by rule, up to the engine. Tests no secret.
 * @throws RequestError request.invalid when the question leaves open which token is meant; request.not_found
 */
export async function explainLogin(question: LoginQuestion, deps: ExplainDeps): Promise<Explanation> {
  const asked = askFor(question.user, deps.tokenUsers, deps.method);
  const token = await tokenOf(question, asked, deps);
  const isNamed = asked.kind === 'named' || token === null;
  const reference = isNamed ? { nameOrEmail: question.user } : { uid: token.uid };
  const user = await deps.accounts.findUser(deps.actor, reference);
  const rules = [methodRule(asked), accountRule(user)];
  if (user === null) return { admitted: false, rules };

  const { policy } = await deps.policy.current();
  rules.push(...placeRules(user, policy.networks, question.address));
  const sessions = await deps.sessionsOf(user.uid);
  const { rule: routeRule, route } = findRoute(user, question.database, deps.route);
  rules.push(routeRule, ...limitRule(null, 'sessions.max_per_user', sessions.length, deps.maxPerUser));

  const circumstances: Circumstances = {
    route,
    engine: route === null ? null : deps.engineOf(route),
    address: question.address,
  };
  const ways: (readonly RuleVerdict[])[] = [];
  if (asked.kind === 'named' && token === null) ways.push(passwordRules(user, circumstances));
  for (const each of token === null ? await liveTokens(user, deps) : [token]) {
    const running = sessions.filter(({ tid }) => tid === each.tid).length;
    ways.push([
      ...ownerRule(each, user),
      ...tokenRules(user, each, circumstances),
      ...limitRule(each.tid, 'the token’s sessions', running, each.maxSessions ?? 0),
    ]);
  }
  const passes = (all: readonly RuleVerdict[]): boolean => all.every((rule) => rule.passes);
  return { admitted: passes(rules) && ways.some(passes), rules: [...rules, ...ways.flat()] };
}

async function tokenOf(
  { user, tid }: LoginQuestion,
  asked: Asked,
  { actor, tokens }: ExplainDeps,
): Promise<TokenView | null> {
  if (asked.kind === 'token-by-id') return tokens.get(actor, asked.tid);
  if (tid !== null && asked.kind !== 'oauth') return tokens.get(actor, tid);
  if (asked.kind === 'named') return null;
  throw new RequestError(
    'request.invalid',
    asked.kind === 'oauth'
      ? `"${user}" stands for whomever the identity provider's token names: ask about that user`
      : `"${user}" stands for whoever owns the token: say which token is meant`,
  );
}

/** Dead ones have been listed elsewhere: here they would only hide what works. */
async function liveTokens({ uid }: UserView, { actor, tokens }: ExplainDeps): Promise<readonly TokenView[]> {
  return (await tokens.list(actor, { owner: uid, states: ['live'] })).items;
}
