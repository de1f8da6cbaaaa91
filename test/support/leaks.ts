/** Set-up of every test file: a file that leaves a socket, server, timer, process or worker open fails. */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll } from 'vitest';

/** node's names of what keeps a process alive, as process.getActiveResourcesInfo() tells them. */
const WATCHED: readonly string[] = [
  'TCPSocketWrap',
  'TCPServerWrap',
  'TLSWrap',
  'PipeWrap',
  'PipeServerWrap',
  'ProcessWrap',
  'Worker',
  'Timeout',
];

/** What is being closed when the last test ends may take this long. */
const PATIENCE_MS = 5000;
const POLL_MS = 20;

let before: ReadonlyMap<string, number>;

/** Threads are not among those resources. */
const workers = new Set<Worker>();
process.on('worker', (worker) => {
  workers.add(worker);
  worker.once('exit', () => workers.delete(worker));
});

beforeAll(() => {
  // vitest has timers of its own that come and go; in the end there is none.
  before = new Map(countResources()).set('Timeout', 0);
});

afterAll(async () => {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    await pause();
    const left = leftOver();
    if (left.length === 0) return;
    if (performance.now() > deadline) throw new Error(`left open by this file: ${left.join(', ')}`);
  }
});

function leftOver(): readonly string[] {
  const now = countResources();
  return WATCHED.flatMap((type) => {
    const more = (now.get(type) ?? 0) - (before.get(type) ?? 0);
    return more > 0 ? [`${more} ${type}`] : [];
  });
}

function countResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
  counts.set('Worker', workers.size);
  return counts;
}

/** Resumes in a phase of the event loop in which node counts no timer of ours. */
async function pause(): Promise<void> {
  await delay(POLL_MS);
  await nextTurn();
}
