// Builds the product, compiles bench/ with what it uses of src/ and test/ to a temporary folder, and runs a module of that.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @param module of bench/, compiled: `main.js` */
export function runCompiled(module, args) {
  const folder = mkdtempSync(join(tmpdir(), 'patgate-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const step = (...command) =>
    execFileSync(process.execPath, command, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  step(join(root, 'scripts/build.mjs'), '--if-stale');
  step(
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    join(root, 'bench/tsconfig.json'),
    '--outDir',
    folder,
  );
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));

  const run = spawn(process.execPath, [join(folder, 'bench', module), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => run.kill(signal));
  run.on('exit', (code) => process.exit(code ?? 1));
}
