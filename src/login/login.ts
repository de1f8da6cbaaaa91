import { logInByOauth } from './bearer.ts';
import { logInNamedInCleartext, logInTokenInCleartext } from './cleartext.ts';
import { timed } from './even-out.ts';
import { judgedByGrace, refusedByGrace } from './grace.ts';
import { askFor, type Asked } from './method.ts';
import { logInNamedBySasl } from './named-sasl.ts';
import { LoginRefused } from './refusal.ts';
import { logInTokenByScram } from './token-scram.ts';
import type { LoginClient, LoginDeps, LoginOutcome, TriedClient } from './types.ts';

/**
 * Asks a client for a secret and tells who it is.
 * @throws LoginRefused when a secret was tested and does not open a session; GatewayError `login.throttled`,
 *   `login.tls_required`, `login.empty_password`, `login.overloaded`, `login.scram_violation`, `login.channel_binding`,
 *   `login.oauth_unavailable`, `wire.malformed`, `wire.timeout`, `store.unreachable`. The caller audits, answers with `client` and closes.
 */
export async function login(client: LoginClient, deps: LoginDeps): Promise<LoginOutcome> {
  const asked = askFor(client.startup.user, deps.tokenUsers, deps.method);
  const admission = await deps.throttle.admit({
    address: client.peer.address,
    account: client.startup.user,
    encrypted: client.tls !== null,
    guessable: asked.kind === 'named',
  });
  const { transport, startup, tls, peer } = client;
  const { reader, evenOut } = timed(client.reader, deps.clock);
  const tried: TriedClient = { transport, reader, startup, tls, peer, mayTest: () => admission.mayTest() };
  const reads = deps.grace?.begin(deps.credentials) ?? null;
  const from = reads === null ? deps : { ...deps, credentials: reads.credentials };
  try {
    const outcome = judgedByGrace(reads, await ask(tried, asked, from));
    if (outcome.kind === 'proved') admission.succeeded();
    else admission.dropped();
    return outcome;
  } catch (error) {
    if (!(error instanceof LoginRefused)) {
      admission.dropped();
      throw error;
    }
    admission.failed(error.subject.fingerprint);
    await evenOut();
    throw refusedByGrace(reads, error as LoginRefused);
  }
}

function ask(client: TriedClient, asked: Asked, deps: LoginDeps): Promise<LoginOutcome> {
  switch (asked.kind) {
    case 'token':
      return logInTokenInCleartext(client, deps);
    case 'token-by-id':
      return logInTokenByScram(client, asked.tid, deps);
    case 'oauth':
      return logInByOauth(client, deps);
    case 'named':
      return asked.method === 'cleartext'
        ? logInNamedInCleartext(client, deps)
        : logInNamedBySasl(client, deps);
    default:
      return asked satisfies never;
  }
}
