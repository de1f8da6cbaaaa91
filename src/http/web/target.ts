import type { UserView } from '../../accounts/views.ts';
import type { TokenView } from '../../tokens/views.ts';
import type { HttpContext } from '../env.ts';
import type { Target } from './recipes.ts';
import type { Web } from './web.ts';

const ANY_ADDRESS = new Set(['0.0.0.0', '::', '[::]']);

/** Where SQL clients connect: as the operator says, or to the host by which this page was reached. */
export function gatewayAddress(
  c: HttpContext,
  { deps }: Web,
): { readonly host: string; readonly port: number } {
  const { host, port } = deps.gateway.address;
  if (!ANY_ADDRESS.has(host)) return { host, port };
  return { host: new URL(c.req.url).hostname.replace(/^\[(.*)\]$/, '$1'), port };
}

/** The connection of a user, with a token of theirs if there is one. */
export function targetOf(
  c: HttpContext,
  web: Web,
  user: Pick<UserView, 'name' | 'defaultDatabase' | 'databases'>,
  token: { readonly text: string | null; readonly info: Pick<TokenView, 'databases'> } | null = null,
): Target {
  const { gateway } = web.deps;
  return {
    ...gatewayAddress(c, web),
    database: databaseOf(user, token?.info.databases ?? null) ?? gateway.exampleDatabase ?? 'DATABASE',
    user: user.name,
    token: token?.text ?? null,
    ca: gateway.caFile() !== null,
    tls: gateway.tls,
  };
}

/** The user's own one if the token reaches it, else the first that it reaches. */
function databaseOf(
  { defaultDatabase, databases }: Pick<UserView, 'defaultDatabase' | 'databases'>,
  limits: readonly string[] | null,
): string | null {
  const allowed = limits ?? databases;
  if (defaultDatabase !== null && (allowed?.includes(defaultDatabase) ?? true)) return defaultDatabase;
  return allowed?.[0] ?? null;
}
