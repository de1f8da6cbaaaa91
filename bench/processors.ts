import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { processTree } from './processes.ts';

/**
 * Gives a target's processes the last processor to themselves, and all that the benchmark runs besides the others, as if they were
 * on other machines. What is started later stays with whoever starts it. Does nothing where there is one processor only.
 * @returns ends it
 */
export function keepApart(pids: readonly number[]): () => void {
  const last = availableParallelism() - 1;
  if (last === 0) return () => undefined;
  const theirs = new Set(pids.flatMap(processTree));
  const ours = processTree(process.pid).filter((pid) => !theirs.has(pid));
  for (const pid of theirs) bind(pid, String(last));
  for (const pid of ours) bind(pid, `0-${last - 1}`);
  return () => {
    for (const pid of processTree(process.pid)) bind(pid, `0-${last}`);
  };
}

function bind(pid: number, processors: string): void {
  try {
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', processors, String(pid)], {
      stdio: 'ignore',
    });
  } catch {
    // it has ended
  }
}
