import { cpuSeconds, processTree, residentKb } from '../processes.ts';
import type { Running } from '../targets/target.ts';

type Measured = Pick<Running, 'pids'>;

/** CPU time of a target so far, its workers' too, in seconds; not a number where there is no process in between. */
export function cpuOf(place: Measured): number {
  const pids = processesOf(place);
  return pids.length === 0 ? Number.NaN : sum(pids.map(cpuSeconds));
}

/** Resident memory of a target, its workers' too, in kilobytes. */
export function residentKbOf(place: Measured): number {
  return sum(processesOf(place).map(residentKb));
}

const processesOf = ({ pids }: Measured): number[] => pids.flatMap(processTree);

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
