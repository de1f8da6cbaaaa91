import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { startCluster, sweepLeftovers, type TestCluster } from './cluster.ts';

/** The one PostgreSQL of a test run. */
export interface SharedCluster {
  /** Superuser, by TCP. */
  readonly adminUrl: string;
  readonly host: string;
  readonly port: number;
  readonly socketDirectory: string | null;
}

declare module 'vitest' {
  export interface ProvidedContext {
    readonly cluster: SharedCluster;
  }
}

interface Shared {
  users: number;
  readonly cluster: Promise<TestCluster>;
}

// vitest calls this once for each of its projects, with a module instance each; globalThis is what they have in common.
const holder = globalThis as { patgateTestCluster?: Shared | undefined };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (project.name === 'e2e') await buildIfStale();
  const shared = (holder.patgateTestCluster ??= { users: 0, cluster: start() });
  shared.users += 1;
  const cluster = await shared.cluster;
  project.provide('cluster', {
    adminUrl: cluster.url(),
    host: cluster.host,
    port: cluster.port,
    socketDirectory: cluster.socketDirectory,
  });
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    holder.patgateTestCluster = undefined;
    await cluster.drop();
  };
}

/** End-to-end tests run what people run: dist/. */
async function buildIfStale(): Promise<void> {
  const script = fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url));
  await promisify(execFile)(process.execPath, [script, '--if-stale']);
}

async function start(): Promise<TestCluster> {
  await sweepLeftovers();
  return startCluster();
}
