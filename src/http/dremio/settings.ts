import type { Hono } from 'hono';
import { z } from 'zod';
import { DAY_MS } from '../../core/duration.ts';
import { RequestError } from '../../core/errors.ts';
import { DEFAULT_POLICY, type Policy, type PolicyPatch } from '../../store/policy.ts';
import { readJson } from '../body.ts';
import { demandAdmin } from '../../accounts/permission.ts';
import type { HttpDeps } from '../deps.ts';
import type { HttpEnv } from '../env.ts';

/** A support key as a view on one field of the policy. */
interface SupportKey {
  readonly type: 'BOOLEAN' | 'INTEGER';
  readonly value: z.ZodType<boolean | number>;
  read(policy: Policy): boolean | number;
  patch(value: boolean | number): PolicyPatch;
}

const KEYS: ReadonlyMap<string, SupportKey> = new Map<string, SupportKey>([
  [
    'auth.personal-access-tokens.enabled',
    {
      type: 'BOOLEAN',
      value: z.boolean(),
      read: ({ tokensEnabled }) => tokensEnabled,
      patch: (value) => ({ tokensEnabled: value === true }),
    },
  ],
  [
    'auth.personal-access-token.max_lifetime_days',
    {
      type: 'INTEGER',
      value: z.int().positive(),
      read: ({ maxLifetimeMs }) => Math.ceil(maxLifetimeMs / DAY_MS),
      patch: (value) => ({ maxLifetimeMs: Number(value) * DAY_MS }),
    },
  ],
]);

function settingJson(id: string, key: SupportKey, policy: Policy): object {
  return { type: key.type, id, value: key.read(policy) };
}

function keyOf(id: string): SupportKey {
  const key = KEYS.get(id);
  if (key === undefined) throw new RequestError('request.not_found', `No setting ${id}.`);
  return key;
}

/** `/apiv2/settings/{key}`: two of Dremio's support keys, for administrators. */
export function settingsRoutes(routes: Hono<HttpEnv>, { policy }: HttpDeps): void {
  const path = '/apiv2/settings/:key';

  routes.get(path, async (c) => {
    demandAdmin(c.get('caller'));
    const id = c.req.param('key');
    return c.json(settingJson(id, keyOf(id), await policy.get()));
  });

  routes.put(path, async (c) => {
    demandAdmin(c.get('caller'));
    const id = c.req.param('key');
    const key = keyOf(id);
    const shape = z.object({ id: z.literal(id).optional(), type: z.literal(key.type), value: key.value });
    const { value } = await readJson(c, shape);
    return c.json(settingJson(id, key, await policy.set(c.get('caller'), key.patch(value))));
  });

  routes.delete(path, async (c) => {
    demandAdmin(c.get('caller'));
    const key = keyOf(c.req.param('key'));
    await policy.set(c.get('caller'), key.patch(key.read(DEFAULT_POLICY)));
    return c.body(null, 204);
  });
}
