import { execFile } from 'node:child_process';
import { chmod, chown } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { embeddedFailed } from './failure.ts';
import { copyNative, installedNative, linkLibraries, programPath, type Native } from './native.ts';

/**
 * How a program is started. PostgreSQL refuses to run as root, so root needs one of the last three. It refuses an account without
 * a name as well, as containers are given that run under a made-up uid; those need `userns`.
 * `userns`: in a user namespace where this account is called nobody. `setpriv`: as nobody, but able to pass directories that are
 * closed to nobody (root's home). `nobody`: plainly as nobody, for machines without util-linux.
 */
export const LAUNCH_MODES = ['direct', 'userns', 'setpriv', 'nobody'] as const;
export type LaunchMode = (typeof LAUNCH_MODES)[number];

export interface Launcher {
  readonly mode: LaunchMode;
  readonly native: Native;
}

export interface Invocation {
  readonly file: string;
  readonly args: readonly string[];
  readonly options: { readonly uid?: number; readonly gid?: number };
}

/** The overflow uid, called nobody on Debian; owns the cluster in the modes `setpriv` and `nobody`. */
export const NOBODY = 65534;

export function invocation(mode: LaunchMode, program: string, args: readonly string[]): Invocation {
  switch (mode) {
    case 'direct':
      return { file: program, args, options: {} };
    case 'userns': {
      const map = ['--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, '--'];
      return { file: 'unshare', args: [...map, program, ...args], options: {} };
    }
    case 'setpriv': {
      const identity = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
      const capability = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--'];
      return { file: 'setpriv', args: [...identity, ...capability, program, ...args], options: {} };
    }
    case 'nobody':
      return { file: program, args, options: { uid: NOBODY, gid: NOBODY } };
  }
}

/** Gives a file or directory to the account that PostgreSQL runs as. */
export async function giveToServer(mode: LaunchMode, file: string, permissions: number): Promise<void> {
  if (process.platform !== 'win32') await chmod(file, permissions);
  if (mode === 'setpriv' || mode === 'nobody') await chown(file, NOBODY, NOBODY);
  else if (mode === 'userns' && isRoot()) await chown(file, 0, 0);
}

/**
 * Finds a way of starting PostgreSQL that works for `directory`, by trying.
 * @param directory existing, will hold the cluster and, when node_modules is read-only, a copy of the programs
 * @param preferred tried first: what worked last time
 */
export async function findLauncher(directory: string, preferred?: LaunchMode): Promise<Launcher> {
  return chooseLauncher(directory, await installedNative(), candidateModes(preferred));
}

/** The first of `modes` that works, with the programs where they are or else from a copy. */
export async function chooseLauncher(
  directory: string,
  native: Native,
  modes: readonly LaunchMode[],
): Promise<Launcher> {
  const linked = await linkLibraries(native.root);
  const failures: string[] = [];
  for (const mode of modes) {
    await giveToServer(mode, directory, 0o700);
    if (linked) {
      const failure = await tryOut({ mode, native }, directory);
      if (failure === null) return { mode, native };
      failures.push(`${mode}: ${failure}`);
    }
    const usable = await tryOutDirectory(mode, directory);
    if (!usable) continue;
    const copy = await copyNative(native, directory);
    const failure = await tryOut({ mode, native: copy }, directory);
    if (failure === null) return { mode, native: copy };
    failures.push(`${mode}, from a copy: ${failure}`);
  }
  throw embeddedFailed(`cannot start PostgreSQL for ${directory}`, failures.join('\n'));
}

function candidateModes(preferred: LaunchMode | undefined): readonly LaunchMode[] {
  const modes = possibleModes();
  if (preferred === undefined || !modes.includes(preferred)) return modes;
  return [preferred, ...modes.filter((mode) => mode !== preferred)];
}

function possibleModes(): readonly LaunchMode[] {
  if (isRoot()) return LAUNCH_MODES.filter((mode) => mode !== 'direct');
  return hasName() ? ['direct'] : ['userns', 'direct'];
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Whether the system knows this account; initdb and postgres ask it. */
function hasName(): boolean {
  try {
    userInfo();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SYSTEM_ERROR') return false;
    throw error;
  }
}

/** @returns null when the server program runs and may write to the directory, else why not */
function tryOut(launcher: Launcher, directory: string): Promise<string | null> {
  const postgres = programPath(launcher.native, 'postgres');
  if (process.platform === 'win32') return run(launcher.mode, postgres, ['--version']);
  return run(launcher.mode, 'sh', ['-c', 'test -w "$1" && "$0" --version', postgres, directory]);
}

async function tryOutDirectory(mode: LaunchMode, directory: string): Promise<boolean> {
  if (process.platform === 'win32') return true;
  return (await run(mode, 'sh', ['-c', 'test -w "$0"', directory])) === null;
}

function run(mode: LaunchMode, program: string, args: readonly string[]): Promise<string | null> {
  const { file, args: allArgs, options } = invocation(mode, program, args);
  return new Promise((resolve) => {
    execFile(file, allArgs, { ...options, cwd: '/' }, (error, _stdout, stderr) => {
      resolve(error === null ? null : stderr.trim() || error.message);
    });
  });
}
