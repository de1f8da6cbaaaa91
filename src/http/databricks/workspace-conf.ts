import type { Hono } from 'hono';
import { z } from 'zod';
import { DAY_MS } from '../../core/duration.ts';
import { RequestError } from '../../core/errors.ts';
import type { Policy, PolicyPatch } from '../../store/policy.ts';
import { parseAs, readJson } from '../body.ts';
import { demandAdmin } from '../../accounts/permission.ts';
import type { HttpDeps } from '../deps.ts';
import type { HttpEnv } from '../env.ts';

const PATH = '/api/2.0/workspace-conf';
/** Two years; written "0". */
const PRODUCT_MAXIMUM_DAYS = 730;

/** A key as a view on one field of the policy; all values are strings. */
interface ConfKey {
  readonly value: z.ZodType<string>;
  read(policy: Policy): string;
  patch(value: string): PolicyPatch;
}

const KEYS: ReadonlyMap<string, ConfKey> = new Map<string, ConfKey>([
  [
    'enableTokensConfig',
    {
      value: z.enum(['true', 'false']),
      read: ({ tokensEnabled }) => String(tokensEnabled),
      patch: (value) => ({ tokensEnabled: value === 'true' }),
    },
  ],
  [
    'maxTokenLifetimeDays',
    {
      value: z.string().regex(/^\d{1,5}$/, 'must be a number of days in a string'),
      read: ({ maxLifetimeMs }) => daysText(Math.ceil(maxLifetimeMs / DAY_MS)),
      patch: (value) => ({ maxLifetimeMs: (Number(value) || PRODUCT_MAXIMUM_DAYS) * DAY_MS }),
    },
  ],
]);

function daysText(days: number): string {
  return days === PRODUCT_MAXIMUM_DAYS ? '0' : String(days);
}

function known(names: readonly string[]): [string, ConfKey][] {
  const invalid = names.filter((name) => !KEYS.has(name));
  if (invalid.length > 0)
    throw new RequestError('request.invalid', `Invalid keys: ${JSON.stringify(invalid)}`);
  return [...KEYS].filter(([name]) => names.includes(name));
}

function confJson(keys: readonly [string, ConfKey][], policy: Policy): Record<string, string> {
  return Object.fromEntries(keys.map(([name, key]) => [name, key.read(policy)]));
}

/** @throws InvalidRequest which names the key when its value is no string or not a fitting one */
function patchOf([name, key]: [string, ConfKey], body: Record<string, unknown>): PolicyPatch {
  const { [name]: value = '' } = parseAs(body, z.object({ [name]: key.value }));
  return key.patch(value);
}

/** `/api/2.0/workspace-conf`: two settings that are views on the policy, for administrators. */
export function workspaceConfRoutes(routes: Hono<HttpEnv>, { policy }: HttpDeps): void {
  routes.get(PATH, async (c) => {
    demandAdmin(c.get('caller'));
    const names = (c.req.query('keys') ?? '').split(',').filter((name) => name !== '');
    if (names.length === 0) throw new RequestError('request.invalid', 'keys: is missing');
    return c.json(confJson(known(names), await policy.get()));
  });

  routes.patch(PATH, async (c) => {
    demandAdmin(c.get('caller'));
    const body = await readJson(c, z.record(z.string(), z.unknown()));
    const keys = known(Object.keys(body));
    const changed = keys.reduce<PolicyPatch>((patch, entry) => ({ ...patch, ...patchOf(entry, body) }), {});
    return c.json(confJson(keys, await policy.set(c.get('caller'), changed)));
  });
}
