// Builds the product, compiles bench/ with what it uses of src/ to a temporary folder, and runs that.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'patgate-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const build = join(root, 'scripts/build.mjs');
execFileSync(process.execPath, [build, '--if-stale'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
execFileSync(
  process.execPath,
  [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    join(root, 'bench/tsconfig.json'),
    '--outDir',
    folder,
  ],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
);
writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));

const run = spawn(process.execPath, [join(folder, 'bench/main.js'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => run.kill(signal));
run.on('exit', (code) => process.exit(code ?? 1));
