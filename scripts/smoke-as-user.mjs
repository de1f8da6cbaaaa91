// The smoke run of an ordinary user, from a copy of this clone that is theirs. For root, who alone can become another.
import { spawnSync } from 'node:child_process';
import { cpSync, chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { root } from './set-up.mjs';

/** `nobody`: the account that every system has, and that owns nothing. */
const UID = 65534;
/** What a fresh clone lacks, but for node_modules: to install those again proves nothing new. */
const LEFT_OUT = new Set(['.git', 'dist', 'coverage']);

/** @throws when it fails; its output has been shown by then */
export function smokeAsUser() {
  const home = mkdtempSync(join(tmpdir(), 'patgate-user-'));
  const clone = join(home, 'patgate');
  try {
    chmodSync(home, 0o755);
    cpSync(root, clone, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !LEFT_OUT.has(relative(root, source).split(sep)[0]),
    });
    run('chown', ['-R', `${UID}:${UID}`, home], {});
    console.log('as an ordinary user:');
    run(process.execPath, [join(clone, 'scripts/smoke.mjs'), '--brief'], {
      cwd: clone,
      uid: UID,
      gid: UID,
      env: { PATH: process.env.PATH, HOME: home },
    });
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 10 });
  }
}

function run(program, args, options) {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}`);
}
