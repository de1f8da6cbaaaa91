import type { Hono } from 'hono';
import { z } from 'zod';
import { RequestError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { OpenedSession } from '../../tokens/authenticator.ts';
import type { UserView } from '../../accounts/views.ts';
import { parseAuthorization } from '../auth/header.ts';
import type { Callers } from '../auth/callers.ts';
import type { SignIn } from '../auth/sign-in.ts';
import { readJson } from '../body.ts';
import type { HttpDeps, Product } from '../deps.ts';
import type { HttpEnv } from '../env.ts';
import { failureOf } from '../failure.ts';
import { originOf } from '../origin.ts';
import { dremioError } from './errors.ts';

const EMPTY = 'user name or password cannot be null or empty';
const Login = z.object({ userName: z.string().min(1), password: z.string().min(1) });

interface Granted {
  readonly session: OpenedSession;
  readonly user: UserView;
  readonly isAdmin: boolean;
  readonly product: Product;
}

function loginJson({ session, user, isAdmin, product }: Granted): object {
  const [firstName = '', ...rest] = (user.displayName ?? '').split(' ');
  return {
    token: session.token.reveal(),
    userName: user.name,
    firstName,
    lastName: rest.join(' '),
    expires: session.expiresAt.getTime(),
    email: user.email ?? '',
    userId: user.uid,
    admin: isAdmin,
    clusterId: product.clusterId,
    clusterCreatedAt: product.clusterCreatedAt.getTime(),
    version: product.version,
    permissions: {},
    userCreatedAt: user.createdAt.getTime(),
  };
}

/** `/apiv2/login`: a name with a password or token for a login token of 30 hours. */
export function loginRoutes(routes: Hono<HttpEnv>, deps: HttpDeps, signIn: SignIn, callers: Callers): void {
  const { accounts, authenticator, product, trustedProxies } = deps;

  routes.post('/apiv2/login', async (c) => {
    const given = Login.safeParse(await readJson(c, z.unknown()));
    if (!given.success) return c.json(dremioError(EMPTY), 400);
    const { userName, password } = given.data;
    try {
      const proved = await signIn.prove(userName, new Secret(password), originOf(c, trustedProxies));
      const { actor } = proved;
      const user = await accounts.getUser(actor, { uid: actor.uid });
      const session = await callers.openSession(proved, 'login');
      const isAdmin = actor.privileges.has('admin');
      return c.json(loginJson({ session, user, isAdmin, product }));
    } catch (error) {
      if (failureOf(error).status !== 401) throw error;
      return c.json(dremioError(`Login failed: Invalid username or password, user ${userName}`), 401);
    }
  });

  routes.delete('/apiv2/login', async (c) => {
    await callers.identify(c);
    const presented = parseAuthorization(c.req.header('authorization'));
    if (presented.kind !== 'bearer') throw new RequestError('request.unauthenticated', 'No login token.');
    await authenticator.endSession(presented.secret, originOf(c, trustedProxies));
    return c.body(null, 204);
  });
}
