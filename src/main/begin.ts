import type { Config } from '../config/config.ts';
import type { Embedded } from '../embedded/embedded.ts';
import { embeddedFor } from './embedded-for.ts';
import { takeInheritedSockets, type InheritedSockets } from './life/inherited-sockets.ts';
import { openLog, type OpenLog } from './open-log.ts';
import { listenForReload, type ReloadSignal } from './reload-signal.ts';

export interface Begun {
  readonly opened: OpenLog;
  readonly embedded: Promise<Embedded | null>;
  readonly inherited: InheritedSockets;
  readonly reloadSignal: ReloadSignal;
}

/**
 * What can go on while the rest of the code is read: on one core the gateway, on another the embedded PostgreSQL.
 * @throws RequestError config.invalid
 */
export function begin(config: Config): Begun {
  const reloadSignal = listenForReload();
  // Before another process is started.
  const inherited = takeInheritedSockets(process.env);
  const opened = openLog(config);
  const embedded = embeddedFor(config, opened.log);
  // Whoever waits for it later is told of a failure; until then nobody is there to hear of it.
  embedded.catch(() => undefined);
  return { opened, embedded, inherited, reloadSignal };
}
