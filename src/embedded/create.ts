import { randomUUID } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { SCRAM_FOR_ALL, initCluster, syncCluster } from './cluster.ts';
import { isThere, type Home } from './home.ts';
import type { Launcher } from './launch.ts';
import { startPostmaster, stopPostmaster } from './postmaster.ts';
import { provision } from './provision.ts';
import type { EmbeddedSecrets } from './state.ts';
import { socketUrl } from './urls.ts';

const START_TIMEOUT_MS = 60_000;
const DRAFT = '.new-';

/**
 * Makes the cluster with all that belongs in it, on first use. It is built beside its place, without waiting for the disk, and
 * moved there when everything is written safely: a cluster in its place is whole. What a killed process left half-made is
 * thrown away.
 */
export async function ensureCluster(
  home: Home,
  launcher: Launcher,
  sockets: string | null,
  secrets: EmbeddedSecrets,
): Promise<void> {
  if (await isThere(home.data)) return;
  await removeDrafts(home);
  const draft = `${home.data}${DRAFT}${randomUUID()}`;
  await initCluster({
    launcher,
    home: home.directory,
    directory: draft,
    password: secrets.postgres,
    hba: SCRAM_FOR_ALL,
  });
  await fill(draft, home, launcher, sockets, secrets);
  await syncCluster(launcher, draft);
  await rename(draft, home.data);
}

/**
 * An initdb whose parent was killed runs on for a second, which is why drafts have names of their own and why a draft that
 * cannot be removed is left to the next start.
 */
async function removeDrafts(home: Home): Promise<void> {
  const prefix = path.basename(home.data) + DRAFT;
  for (const name of await readdir(home.directory)) {
    if (!name.startsWith(prefix)) continue;
    const draft = path.join(home.directory, name);
    await stopPostmaster(draft, 'immediate');
    await rm(draft, { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
    });
  }
}

async function fill(
  draft: string,
  home: Home,
  launcher: Launcher,
  sockets: string | null,
  secrets: EmbeddedSecrets,
): Promise<void> {
  const server = await startPostmaster({
    launcher,
    directory: draft,
    socketDirectory: sockets,
    port: 0,
    settings: { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', autovacuum: 'off' },
    logFile: home.log,
    timeoutMs: START_TIMEOUT_MS,
  });
  try {
    await provision(
      (user, database) => socketUrl(server, { user, password: secrets[user], database }),
      secrets,
    );
  } finally {
    await stopPostmaster(draft, 'fast');
  }
}
