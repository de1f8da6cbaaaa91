import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Memory that this process has in common with others: of a control group, or of the machine. Bytes. */
export interface SharedMemory {
  readonly whose: string;
  readonly limit: number;
  /** Without what the kernel gives back by itself. */
  readonly used: number;
  /** With less than that left, it is scarce. */
  readonly reserve: number;
}

const GROUP_SHARE = 0.1;
const MACHINE_SHARE = 0.03;
/** Of a large machine, this is enough for what runs. */
const MOST_RESERVE = 512 * 2 ** 20;
/** Version 1 tells as "no limit" the largest number of whole pages. */
const NO_LIMIT = 2 ** 60;
const KIBIBYTE = 1024;

/** The files of a control group, by version of the hierarchy (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst). */
interface Hierarchy {
  /** Where it is mounted. */
  readonly mount: string;
  /** The line of /proc/self/cgroup that names our group in it. */
  readonly line: RegExp;
  readonly limit: string;
  readonly used: string;
  /** In front of the names of memory.stat that count the groups below, too. */
  readonly prefix: string;
}

const HIERARCHIES: readonly Hierarchy[] = [
  { mount: 'sys/fs/cgroup', line: /^0::(.*)$/m, limit: 'memory.max', used: 'memory.current', prefix: '' },
  {
    mount: 'sys/fs/cgroup/memory',
    line: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m,
    limit: 'memory.limit_in_bytes',
    used: 'memory.usage_in_bytes',
    prefix: 'total_',
  },
];

/**
 * What the kernel's OOM killer goes by: each control group with a limit that this process is in, directly or by one of its
 * parents, and the machine. Where there is nothing of the kind (no Linux), nothing.
 * @param root of the file system
 */
export function sharedMemory(root = '/'): readonly SharedMemory[] {
  const machine = memoryOfMachine(root);
  return [...groupsOf(root), ...(machine === null ? [] : [machine])];
}

function groupsOf(root: string): SharedMemory[] {
  const own = read(path.join(root, 'proc/self/cgroup')) ?? '';
  return HIERARCHIES.flatMap((hierarchy) => {
    const name = hierarchy.line.exec(own)?.[1];
    if (name === undefined) return [];
    // A group outside of what this container sees begins with "..".
    const parts = name.split('/').filter((part) => part !== '' && part !== '..');
    // In some containers it is the container's group that is mounted, while the name is that of the machine.
    const directories = [...parts, ''].map((_, below) =>
      path.join(root, hierarchy.mount, ...parts.slice(0, parts.length - below)),
    );
    return directories.flatMap((directory) => memoryOfGroup(directory, hierarchy) ?? []);
  });
}

/** Null: there is no limit. */
function memoryOfGroup(directory: string, { limit: most, used, prefix }: Hierarchy): SharedMemory | null {
  const limit = numberIn(path.join(directory, most));
  const total = numberIn(path.join(directory, used));
  // "max" is no number.
  if (limit === null || total === null || !(limit > 0 && limit < NO_LIMIT)) return null;
  const reserve = Math.min(GROUP_SHARE * limit, MOST_RESERVE);
  const whose = "the container's limit";
  // To add up what can be given back costs the kernel something.
  if (limit - total >= reserve) return { whose, limit, used: total, reserve };
  const statistics = read(path.join(directory, 'memory.stat')) ?? '';
  // Copies of files, which the kernel drops before it kills.
  const cached = ['inactive_file', 'active_file'].map((name) => field(statistics, `${prefix}${name}`) ?? 0);
  return { whose, limit, used: cached.reduce((rest, size) => rest - size, total), reserve };
}

function memoryOfMachine(root: string): SharedMemory | null {
  const meminfo = read(path.join(root, 'proc/meminfo')) ?? '';
  const size = (name: string): number | null => field(meminfo, `${name}:`);
  const [total, available] = [size('MemTotal'), size('MemAvailable')];
  if (total === null || available === null) return null;
  const left = (available + (size('SwapFree') ?? 0)) * KIBIBYTE;
  const limit = total * KIBIBYTE;
  const reserve = Math.min(MACHINE_SHARE * limit, MOST_RESERVE);
  return { whose: 'all that the machine has', limit, used: limit - left, reserve };
}

function field(text: string, name: string): number | null {
  const found = new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(text)?.[1];
  return found === undefined ? null : Number(found);
}

/** Null: there is no such file, or it does not hold one. */
function numberIn(file: string): number | null {
  const text = read(file)?.trim();
  return text === undefined || !/^\d+$/.test(text) ? null : Number(text);
}

/** Null: there is no such file, or not any more, or not for us. */
function read(file: string): string | null {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return null;
  }
}
