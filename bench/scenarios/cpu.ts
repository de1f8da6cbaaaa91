import { cpuSeconds } from '../processes.ts';
import type { Running } from '../targets/target.ts';

/** CPU time of a target so far, in seconds. */
export function cpuOf({ pids }: Pick<Running, 'pids'>): number {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}
