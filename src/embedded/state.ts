import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Secret } from '../core/secret.ts';
import { embeddedFailed } from './failure.ts';
import type { LaunchMode } from './launch.ts';

/** What is remembered from one start to the next. */
export interface EmbeddedState {
  /** On 127.0.0.1; 0 before the first start. */
  readonly port: number;
  readonly launchMode: LaunchMode | null;
  /** Outside the data directory when that has too long a name for a Unix socket. */
  readonly socketDirectory: string | null;
}

/** Roles that log in, and the key of each in the secrets file. */
export const LOGIN_ROLES = ['postgres', 'patgate_store', 'demo', 'analyst', 'clerk'] as const;
export type LoginRole = (typeof LOGIN_ROLES)[number];
export type EmbeddedSecrets = Readonly<Record<LoginRole, Secret>>;

const FIRST: EmbeddedState = { port: 0, launchMode: null, socketDirectory: null };

export async function loadState(home: string): Promise<EmbeddedState> {
  const saved = await readJson(path.join(home, 'state.json'));
  return { ...FIRST, ...(saved as Partial<EmbeddedState> | null) };
}

export function saveState(home: string, state: EmbeddedState): Promise<void> {
  return writeWhole(path.join(home, 'state.json'), `${JSON.stringify(state, null, 2)}\n`);
}

/**
 * The passwords of the embedded cluster, made at random on first use; the file is mode 0600.
 * @param clusterExists a cluster was made with them
 * @throws RequestError embedded.failed when they are lost
 */
export async function loadSecrets(home: string, clusterExists: boolean): Promise<EmbeddedSecrets> {
  const file = path.join(home, 'secrets.json');
  const saved = (await readJson(file)) as Partial<Record<LoginRole, string>> | null;
  if (saved === null && clusterExists) {
    throw embeddedFailed(`${file} is missing, and with it the passwords of the databases beside it`);
  }
  const texts = Object.fromEntries(
    LOGIN_ROLES.map((role) => [role, saved?.[role] ?? randomBytes(24).toString('base64url')]),
  ) as Record<LoginRole, string>;
  if (LOGIN_ROLES.some((role) => saved?.[role] === undefined)) {
    await writeWhole(file, `${JSON.stringify(texts, null, 2)}\n`);
  }
  return Object.fromEntries(LOGIN_ROLES.map((role) => [role, new Secret(texts[role])])) as Record<
    LoginRole,
    Secret
  >;
}

/** Replaces a file at once, so that a crash leaves the old one or the new one. */
export async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  await writeFile(draft, text, { mode: 0o600, flush: true });
  await rename(draft, file);
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
