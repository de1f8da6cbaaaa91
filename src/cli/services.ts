import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { commandLineActor, type Actor } from '../accounts/actor.ts';
import { systemClock } from '../core/clock.ts';
import { RequestError } from '../core/errors.ts';
import type { Services as MainServices } from '../main/services.ts';
import type { Store } from '../store/store.ts';
import { withStore, type Surroundings } from './store.ts';
import type { Terminal } from './terminal.ts';

/** What commands work with. */
export interface Services
  extends Pick<MainServices, 'tokens' | 'policy' | 'accounts' | 'oversight'>, Surroundings {
  /** The command line itself, under the name of the operating system's user in the audit. */
  readonly actor: Actor;
}

/** Opens everything on the store, does the work, and closes it again. */
export function withServices(
  command: Command,
  terminal: Terminal,
  work: (services: Services) => Promise<void>,
): Promise<void> {
  return withStore(command, terminal, async (store, surroundings) => {
    const { config, log, embedded } = surroundings;
    // Nobody but patgate has to do with the embedded store, so there is nobody to ask first.
    if (embedded !== null) await store.migrate();
    else await demandMigrated(store);
    // Loaded when needed: help and usage errors come at once.
    const { openServices } = await import('../main/services.ts');
    const { method, tokenUsers } = config.login;
    const services = openServices({ store, method, tokenUsers, clock: systemClock, log });
    try {
      await work({ ...services, ...surroundings, actor: operatingSystemActor() });
    } finally {
      await services.close();
    }
  });
}

async function demandMigrated(store: Store): Promise<void> {
  const pending = await store.pendingMigrations();
  if (pending.length === 0) return;
  const message = `the store lacks ${pending.join(', ')}: run \`patgate migrate\` first`;
  throw new RequestError('store.not_migrated', message);
}

function operatingSystemActor(): Actor {
  try {
    return commandLineActor(userInfo().username);
  } catch {
    // Containers often run under a number that /etc/passwd has no name for.
    return commandLineActor(`uid ${process.getuid?.() ?? 'unknown'}`);
  }
}
