import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { systemActor } from '../accounts/actor.ts';
import type { AccountService } from '../accounts/service.ts';
import { DAY_MS } from '../core/duration.ts';
import { Secret } from '../core/secret.ts';
import type { TokenService } from '../tokens/service.ts';

const DemoShape = z.object({
  user: z.string(),
  password: z.string(),
  token: z.string(),
  database: z.string(),
});

/** Credentials of the demo user, in the clear: they open sample data on this machine, and are printed for pasting. */
export type Demo = z.infer<typeof DemoShape>;

export interface DemoServices {
  readonly accounts: Pick<AccountService, 'findUser' | 'addUser' | 'setPassword'>;
  readonly tokens: Pick<TokenService, 'issue' | 'lookup' | 'revokeAll'>;
}

const USER = 'demo';
const DATABASE = 'demo';
const ACTOR = systemActor('demo');

/**
 * Makes sure that the demo user exists with a password and a live token, and that both are known: they are kept in
 * `demo.json` in the data directory, readable by its owner only.
 */
export async function ensureDemo(dataDir: string, services: DemoServices, now: Date): Promise<Demo> {
  const file = join(dataDir, 'demo.json');
  const known = readDemo(file);
  if (known !== null && (await stillWorks(known, services, now))) return known;
  const demo = await makeDemo(services);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.tmp`, `${JSON.stringify(demo, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
  return demo;
}

async function stillWorks(demo: Demo, { tokens }: DemoServices, now: Date): Promise<boolean> {
  const token = await tokens.lookup(ACTOR, new Secret(demo.token));
  if (token?.state !== 'live') return false;
  return token.expiresAt === null || token.expiresAt.getTime() - now.getTime() > DAY_MS;
}

async function makeDemo({ accounts, tokens }: DemoServices): Promise<Demo> {
  const password = new Secret(randomBytes(12).toString('base64url'));
  const existing = await accounts.findUser(ACTOR, { name: USER });
  if (existing !== null) await accounts.setPassword(ACTOR, existing.uid, password);
  const user =
    existing ??
    (await accounts.addUser(ACTOR, {
      name: USER,
      displayName: 'Demo',
      email: 'demo@example.com',
      password,
      defaultDatabase: DATABASE,
    }));
  if (existing !== null) await tokens.revokeAll(ACTOR, user.uid, 'replaced by a new demo token');
  const issued = await tokens.issue(ACTOR, { owner: user.uid, label: 'demo', lifetime: 'default' });
  return {
    user: USER,
    password: password.reveal(),
    token: issued.token?.reveal() ?? '',
    database: DATABASE,
  };
}

function readDemo(file: string): Demo | null {
  try {
    return DemoShape.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // Not there yet, or not readable as what it should be: a new one is made.
    return null;
  }
}
