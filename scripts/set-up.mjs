// What a bare clone needs before anything can run. Uses node's own modules only.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const OLDEST_NODE = [20, 19];

/** Says which Node is needed, in place of a syntax error from somewhere inside. */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  console.error(`patgate needs Node ${OLDEST_NODE.join('.')} or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

/** Runs `npm ci` unless node_modules was made from this very package-lock.json. */
export function ensureInstalled() {
  const lock = join(root, 'package-lock.json');
  const modules = join(root, 'node_modules');
  const stamp = join(modules, '.lock-sha256');
  const wanted = createHash('sha256').update(readFileSync(lock)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  // npm leaves this file behind each install: somebody ran npm by hand after the lock had changed.
  const installed = join(modules, '.package-lock.json');
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
    console.error('Installing packages…');
    // NODE_ENV=production and a user's npmrc may leave out what the build and the embedded PostgreSQL need.
    npm(['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']);
  }
  mkdirSync(modules, { recursive: true });
  writeFileSync(stamp, wanted);
}

/** Builds unless dist/ was made from these very sources. */
export function ensureBuilt() {
  if (isBuilt()) return;
  console.error('Building…');
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs')], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
}

/** Whether dist/ was made from the sources as they are now. */
export function isBuilt() {
  const stamp = join(root, 'dist/.build-stamp');
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === sourcesHash();
}

/** Changes with every file that the build reads. */
export function sourcesHash() {
  const hash = createHash('sha256');
  for (const file of ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs']) {
    hash.update(readFileSync(join(root, file)));
  }
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true });
  for (const file of sources
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()) {
    hash.update(`\0${file.slice(root.length)}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function npm(args) {
  const options = { cwd: root, stdio: ['ignore', 2, 2] };
  const script = process.env.npm_execpath;
  if (script?.endsWith('.js')) execFileSync(process.execPath, [script, ...args], options);
  else execFileSync('npm', args, { ...options, shell: process.platform === 'win32' });
}

/** Runs the steps; a step that fails has said why already, so only its exit code is left to tell. */
export function setUp(steps) {
  try {
    for (const step of steps) step();
  } catch (error) {
    if (typeof error?.status !== 'number') throw error;
    process.exit(error.status);
  }
}
