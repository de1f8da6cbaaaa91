import { turnLog, type Home } from './home.ts';
import type { Launcher } from './launch.ts';
import { findSettledPostmaster, startPostmaster, type Postmaster } from './postmaster.ts';
import type { EmbeddedState } from './state.ts';

/** Recovery after a crash replays at most max_wal_size; that is far below this. */
const START_TIMEOUT_MS = 120_000;

const SETTINGS: Readonly<Record<string, string>> = {
  max_connections: '400',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %q%u@%d ',
  // A statement may hold a secret (ALTER ROLE … PASSWORD), and so may its parameters.
  log_min_error_statement: 'panic',
  log_parameter_max_length_on_error: '0',
};

/** Takes over a server that runs already, or starts one. @returns which of both it was, too */
export async function adoptOrStart(
  home: Home,
  launcher: Launcher,
  state: Pick<EmbeddedState, 'port'>,
  socketDirectory: string | null,
): Promise<{ server: Postmaster; adopted: boolean }> {
  const running = await findSettledPostmaster(home.data, START_TIMEOUT_MS);
  if (running !== null) return { server: running, adopted: true };
  await turnLog(home.log);
  const server = await startPostmaster({
    launcher,
    directory: home.data,
    socketDirectory,
    port: state.port,
    settings: SETTINGS,
    logFile: home.log,
    timeoutMs: START_TIMEOUT_MS,
  });
  return { server, adopted: false };
}
