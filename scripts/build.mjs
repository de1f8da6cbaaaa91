// Compiles src/ to dist/ and copies the files beside it that the compiler leaves alone (style sheet, script).
// Everything is made in a new directory that then takes the place of the old one: a build that fails or is cut off changes
// nothing, and no file of an earlier build is left over.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isBuilt, root, sourcesHash } from './set-up.mjs';

if (process.argv.includes('--if-stale') && isBuilt()) process.exit(0);

const dist = join(root, 'dist');
const draft = join(root, `.dist-${process.pid}`);
const old = `${draft}-old`;
const stamp = sourcesHash();

try {
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', draft], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  cpSync(join(root, 'src'), draft, { recursive: true, filter: (source) => !source.endsWith('.ts') });
  chmodSync(join(draft, 'cli/main.js'), 0o755);
  writeFileSync(join(draft, '.build-stamp'), stamp);
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(draft, dist);
} catch (error) {
  if (typeof error.status !== 'number') throw error;
  process.exitCode = error.status;
} finally {
  rmSync(draft, { recursive: true, force: true });
  rmSync(old, { recursive: true, force: true });
}
