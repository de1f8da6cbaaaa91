import { RequestError } from '../../core/errors.ts';

/** Listening sockets that the service manager opened, by the listener they are for: numbers of file descriptors. */
export interface InheritedSockets {
  readonly postgres?: number;
  readonly http?: number;
  readonly metrics?: number;
}

type Environment = Record<string, string | undefined>;

/** sd_listen_fds(3), SD_LISTEN_FDS_START. */
const FIRST = 3;
const VARIABLES = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES'];
const NAMES = ['postgres', 'http', 'metrics'] as const;

/**
 * Socket activation, as sd_listen_fds_with_names(3) has it. The variables are taken out of the environment: they are not for
 * processes that this one starts.
 * @returns nothing when they are not there, or are for another process
 * @throws RequestError config.invalid
 */
export function takeInheritedSockets(environment: Environment, pid = process.pid): InheritedSockets {
  const [count = '', forPid = '', names = ''] = VARIABLES.map((variable) => environment[variable]);
  for (const variable of VARIABLES) Reflect.deleteProperty(environment, variable);
  if (count === '' || forPid !== String(pid)) return {};
  const number = /^\d{1,4}$/.test(count) ? Number(count) : null;
  if (number === null) throw invalid(`LISTEN_FDS is no number: ${count}`);
  const listed = names.split(':');
  const sockets = new Map<string, number>();
  for (let index = 0; index < number; index++) {
    const name = nameOf(listed[index] ?? '', number);
    if (sockets.has(name)) throw invalid(`two sockets are named ${name}`);
    sockets.set(name, FIRST + index);
  }
  return Object.fromEntries(sockets);
}

/** A single socket is the one for SQL clients, whatever systemd calls it: without a name given, that is the unit's. */
function nameOf(name: string, count: number): string {
  if ((NAMES as readonly string[]).includes(name)) return name;
  if (count === 1) return 'postgres';
  throw invalid(`a socket is named "${name}": FileDescriptorName= has to be one of ${NAMES.join(', ')}`);
}

function invalid(problem: string): RequestError {
  return new RequestError('config.invalid', `socket activation: ${problem}`);
}
