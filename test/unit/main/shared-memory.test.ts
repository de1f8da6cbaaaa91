import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { sharedMemory } from '../../../src/main/life/shared-memory.ts';
import { makeDirectory } from '../../support/temporary.ts';

const MIB = 2 ** 20;
const UNLIMITED = '9223372036854771712\n';

/** Contents by name, as the kernel writes them, under a root that stands in for `/`. */
async function measured(files: Readonly<Record<string, string>>): Promise<unknown> {
  const root = await makeDirectory();
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return sharedMemory(root).map(({ limit, used, reserve }) =>
    [limit, used, reserve].map((bytes) => Math.round(bytes / MIB)),
  );
}

const bytes = (mib: number): string => `${mib * MIB}\n`;
const caches = (inactive: number, active: number, prefix = ''): string =>
  `anon 1\n${prefix}inactive_anon ${999 * MIB}\n${prefix}inactive_file ${inactive * MIB}\n${prefix}active_file ${active * MIB}\nunevictable 0\n`;
const kibibytes = (sizes: Readonly<Record<string, number>>): string =>
  Object.entries(sizes)
    .map(([name, mib]) => `${`${name}:`.padEnd(16)}${mib * 1024} kB\n`)
    .join('');

const v2 = (group: string): string => `0::${group}\n`;
const v1 = (group: string): string =>
  `9:name=systemd:/x\n8:pids:/x\n4:cpu,memory:${group}\n3:cpuset:/x\n0::/x\n`;

it.each([
  [
    'a container that sees itself as the root',
    {
      'proc/self/cgroup': v2('/'),
      'sys/fs/cgroup/memory.max': bytes(1000),
      'sys/fs/cgroup/memory.current': bytes(800),
    },
    [[1000, 800, 100]],
  ],
  [
    'what the kernel gives back, once it is asked for',
    {
      'proc/self/cgroup': v2('/'),
      'sys/fs/cgroup/memory.max': bytes(1000),
      'sys/fs/cgroup/memory.current': bytes(990),
      'sys/fs/cgroup/memory.stat': caches(200, 50),
    },
    [[1000, 740, 100]],
  ],
  [
    'a limit of a parent',
    {
      'proc/self/cgroup': v2('/system.slice/patgate.service'),
      'sys/fs/cgroup/system.slice/patgate.service/memory.max': 'max\n',
      'sys/fs/cgroup/system.slice/patgate.service/memory.current': bytes(100),
      'sys/fs/cgroup/system.slice/memory.max': bytes(20_000),
      'sys/fs/cgroup/system.slice/memory.current': bytes(10_000),
    },
    [[20_000, 10_000, 512]],
  ],
  [
    'limits of the group and of a parent',
    {
      'proc/self/cgroup': v2('/a/b'),
      'sys/fs/cgroup/a/b/memory.max': bytes(100),
      'sys/fs/cgroup/a/b/memory.current': bytes(50),
      'sys/fs/cgroup/a/memory.max': bytes(200),
      'sys/fs/cgroup/a/memory.current': bytes(195),
      'sys/fs/cgroup/a/memory.stat': caches(1, 0),
    },
    [
      [100, 50, 10],
      [200, 194, 20],
    ],
  ],
  [
    'a group that the container cannot see',
    {
      'proc/self/cgroup': v2('/../../docker/0123'),
      'sys/fs/cgroup/memory.max': bytes(100),
      'sys/fs/cgroup/memory.current': bytes(50),
    },
    [[100, 50, 10]],
  ],
  [
    'version 1',
    {
      'proc/self/cgroup': v1('/docker/0123'),
      'sys/fs/cgroup/memory/docker/0123/memory.limit_in_bytes': bytes(100),
      'sys/fs/cgroup/memory/docker/0123/memory.usage_in_bytes': bytes(95),
      'sys/fs/cgroup/memory/docker/0123/memory.stat': caches(0, 0) + caches(20, 30, 'total_'),
      'sys/fs/cgroup/memory/memory.limit_in_bytes': UNLIMITED,
      'sys/fs/cgroup/memory/memory.usage_in_bytes': bytes(10_000),
    },
    [[100, 45, 10]],
  ],
  [
    'version 1 in a container that is told the name of the machine',
    {
      'proc/self/cgroup': v1('/docker/0123'),
      'sys/fs/cgroup/memory/memory.limit_in_bytes': bytes(100),
      'sys/fs/cgroup/memory/memory.usage_in_bytes': bytes(30),
    },
    [[100, 30, 10]],
  ],
  [
    'the machine',
    {
      'proc/self/cgroup': v2('/'),
      'proc/meminfo': kibibytes({ MemTotal: 1000, MemFree: 10, MemAvailable: 25, SwapTotal: 0, SwapFree: 0 }),
    },
    [[1000, 975, 30]],
  ],
  [
    'a machine that can swap',
    { 'proc/meminfo': kibibytes({ MemTotal: 1000, MemAvailable: 25, SwapTotal: 500, SwapFree: 100 }) },
    [[1000, 875, 30]],
  ],
  [
    'a large machine',
    { 'proc/meminfo': kibibytes({ MemTotal: 64_000, MemAvailable: 600 }) },
    [[64_000, 63_400, 512]],
  ],
  ['nothing where the kernel tells nothing', {}, []],
])('memory that is shared: %s', async (_, files, expected) => {
  expect(await measured(files)).toEqual(expected);
});
