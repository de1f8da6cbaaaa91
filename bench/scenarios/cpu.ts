import { cpuSeconds } from '../processes.ts';
import type { Running } from '../targets/target.ts';

/** CPU time of a target so far, in seconds; not a number where there is no process in between. */
export function cpuOf({ pids }: Pick<Running, 'pids'>): number {
  return pids.length === 0 ? Number.NaN : pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}
