import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A network namespace with one address on the cable between the two. */
export interface Host {
  readonly address: string;
  /** In front of a program, runs it there. */
  readonly wrap: readonly string[];
}

/** Two machines, as far as the network is concerned. Unix sockets still reach everything. */
export interface TwoHosts {
  readonly near: Host;
  readonly far: Host;
  /** Nothing gets through any more, in either direction, and nobody is told. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  remove(): Promise<void>;
}

/** Needs root and iproute2. */
export async function makeTwoHosts(): Promise<TwoHosts> {
  const id = randomBytes(3).toString('hex');
  const near = { name: `pg${id}n`, address: '198.18.0.1', device: 'near', mac: '02:00:00:00:00:01' };
  const far = { name: `pg${id}f`, address: '198.18.0.2', device: 'far', mac: '02:00:00:00:00:02' };
  for (const { name } of [near, far]) await run('ip', ['netns', 'add', name]);
  await ip(
    near.name,
    `link add near address ${near.mac} type veth peer name far address ${far.mac} netns ${far.name}`,
  );
  for (const [own, other] of [
    [near, far],
    [far, near],
  ] as const) {
    await ip(own.name, 'link set lo up');
    await ip(own.name, `address add ${own.address}/30 dev ${own.device}`);
    await ip(own.name, `link set ${own.device} up`);
    // Known for good: else the loss would be noticed by who has which address.
    await ip(
      own.name,
      `neighbour replace ${other.address} lladdr ${other.mac} nud permanent dev ${own.device}`,
    );
  }
  const host = ({ name, address }: typeof near): Host => ({ address, wrap: ['ip', 'netns', 'exec', name] });
  const pull = (what: string) => ip(far.name, `link set far ${what}`);
  return {
    near: host(near),
    far: host(far),
    cut: () => pull('down'),
    async mend() {
      await pull('up');
      await ip(far.name, `neighbour replace ${near.address} lladdr ${near.mac} nud permanent dev far`);
    },
    async remove() {
      for (const { name } of [near, far]) await run('ip', ['netns', 'delete', name]);
    },
  };
}

async function ip(namespace: string, command: string): Promise<void> {
  await run('ip', ['-n', namespace, ...command.split(' ')]);
}
