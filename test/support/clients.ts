import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe } from 'vitest';

/** Programs that people use with PostgreSQL, and what else tests need, found where Debian puts them; null: not there. */
export interface Clients {
  /** PostgreSQL's terminal. Package postgresql-client. */
  readonly psql: string | null;
  /** Package postgresql-client. */
  readonly pgbench: string | null;
  /** Packages default-jdk-headless and libpostgresql-jdbc-java; Java runs single source files. */
  readonly jdbc: { readonly java: string; readonly jar: string } | null;
  /** Packages unixodbc and odbc-postgresql. */
  readonly odbc: { readonly manager: string; readonly driver: string } | null;
  /** Package chromium. */
  readonly chromium: string | null;
  /** Package pgbouncer. */
  readonly pgbouncer: string | null;
  /** Package haproxy. */
  readonly haproxy: string | null;
  /** A clock that can be set for one process. Package faketime. */
  readonly faketime: string | null;
  /** Carries messages to a service manager; with Perl, which can listen for them. Packages systemd and perl-base. */
  readonly 'systemd-notify': { readonly notify: string; readonly perl: string } | null;
  /** Opens sockets for the program that it becomes. Package perl-base. */
  readonly perl: string | null;
  /** /proc, /dev/full and limits that can be set for one process. */
  readonly linux: 'linux' | null;
  /** A file system of one's own: root on Linux, outside of most containers. */
  readonly mount: 'mount' | null;
  /** Hosts with a network of their own between them: root on Linux, with the package iproute2. */
  readonly netns: 'ip' | null;
}

export const clients: Clients = {
  psql: program('psql'),
  pgbench: program('pgbench') ?? versioned('/usr/lib/postgresql', 'bin/pgbench'),
  jdbc: both(program('java'), file('/usr/share/java/postgresql.jar'), (java, jar) => ({ java, jar })),
  odbc: both(library('libodbc.so.2'), library('odbc/psqlodbcw.so'), (manager, driver) => ({
    manager,
    driver,
  })),
  chromium: program('chromium') ?? program('chromium-browser') ?? program('google-chrome'),
  pgbouncer: program('pgbouncer'),
  haproxy: program('haproxy'),
  faketime: library('faketime/libfaketimeMT.so.1'),
  'systemd-notify': both(program('systemd-notify'), program('perl'), (notify, perl) => ({ notify, perl })),
  perl: program('perl'),
  linux: process.platform === 'linux' ? 'linux' : null,
  get mount() {
    return can('mount -t tmpfs none /mnt') ? 'mount' : null;
  },
  get netns() {
    return can('ip link add v0 type veth peer name v1') ? 'ip' : null;
  },
};

/** Whether that works here, tried where nobody else sees it. */
function can(command: string): boolean {
  const { status } = spawnSync('unshare', ['--mount', '--net', 'sh', '-c', command]);
  return status === 0;
}

/**
 * A suite that needs a client. Without it the suite is skipped; `npm test` finds the client's name in the title and lists it.
 * @param body gets what `clients` holds for it
 */
export function describeWith<Name extends keyof Clients>(
  name: Name,
  title: string,
  body: (client: NonNullable<Clients[Name]>) => void,
): void {
  const client = clients[name];
  const fullTitle = `${title} [needs ${name}]`;
  if (client === null) describe.skip(fullTitle, () => body(STAND_IN as NonNullable<Clients[Name]>));
  else describe(fullTitle, () => body(client));
}

/** Lets the body of a skipped suite name its tests. */
const STAND_IN = { java: '', jar: '', manager: '', driver: '', notify: '', perl: '' } as unknown;

function program(name: string): string | null {
  const directories = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin'];
  return directories.map((directory) => path.join(directory, name)).find(isExecutable) ?? null;
}

function file(name: string): string | null {
  return existsSync(name) ? name : null;
}

function library(name: string): string | null {
  const directories = [
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib/aarch64-linux-gnu',
    '/usr/lib64',
    '/opt/homebrew/lib',
  ];
  return directories.map((directory) => path.join(directory, name)).find(existsSync) ?? null;
}

/** The newest `root/NUMBER/rest`. */
function versioned(root: string, rest: string): string | null {
  if (!existsSync(root)) return null;
  const versions = readdirSync(root).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => path.join(root, version, rest)).find(isExecutable) ?? null;
}

function both<A, B, C>(first: A | null, second: B | null, join: (first: A, second: B) => C): C | null {
  return first === null || second === null ? null : join(first, second);
}

function isExecutable(name: string): boolean {
  try {
    accessSync(name, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
