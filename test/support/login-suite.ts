import { describe, expect, test } from 'vitest';
import type { ClientGround } from './client-ground.ts';
import type { GatewayProcess } from './gateway-process.ts';
import { LOGIN_ROWS, type Refusal } from './login-rows.ts';

export interface LoginAttempt {
  readonly gateway: GatewayProcess;
  readonly user: string;
  readonly secret: string;
  /** Verified in full, or none. */
  readonly tls: boolean;
}

/** What `SELECT current_user` said, or what the server said against it, as far as the client shows it. */
export type LoginAnswer =
  { readonly role: string } | { readonly code: string | null; readonly message: string };

/** How a client logs in. */
export type LogIn = (attempt: LoginAttempt) => Promise<LoginAnswer>;

/** Tests of every row of the login table, by the method of the ground, which the caller starts and stops. */
export function describeLogins(logIn: LogIn, ground: () => ClientGround): void {
  test.each(Object.entries(LOGIN_ROWS))('%s', async (_title, row) => {
    const { gateway, people, method, roles } = ground();
    const { user, secret, outcome } = row(people, method);
    const answer = await logIn({ gateway, user, secret, tls: true });
    if (outcome === 'ada') expect(answer).toEqual({ role: roles.ada });
    else expectRefusal(answer, outcome);
  });

  describe('without TLS', () => {
    test('a token is not even asked for', async () => {
      const { gateway, people } = ground();
      const answer = await logIn({ gateway, user: '$token', secret: people.tokens.ada.token, tls: false });
      expectRefusal(answer, tlsRequired('$token'));
    });

    test('a password is proved by SCRAM, and not asked for in cleartext', async () => {
      const { gateway, people, method, roles } = ground();
      const answer = await logIn({ gateway, user: 'ada', secret: people.ada.password, tls: false });
      if (method === 'scram-sha-256') expect(answer).toEqual({ role: roles.ada });
      else expectRefusal(answer, tlsRequired('ada'));
    });
  });
}

function tlsRequired(user: string): Refusal {
  return {
    code: '28000',
    message: `TLS is required to log in as "${user}": connect with sslmode=require or stricter (JDBC: ssl=true)`,
  };
}

function expectRefusal(answer: LoginAnswer, { code, message }: Refusal): void {
  if ('role' in answer)
    throw new Error(`logged in as ${answer.role}, in place of: ${code} ${String(message)}`);
  if (answer.code !== null) expect(answer.code).toBe(code);
  if (typeof message === 'string') expect(answer.message).toBe(message);
  else expect(answer.message).toMatch(message);
}
