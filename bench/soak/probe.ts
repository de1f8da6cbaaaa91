/**
 * Read into the gateway by `--import`, before its own code: collects garbage when asked and tells what is still there. Asked
 * by connecting to the Unix socket that SOAK_PROBE names. Needs `--expose-gc`. With a folder in SOAK_SNAPSHOTS, each answer
 * is followed by a heap snapshot there.
 */
import { createServer } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { writeHeapSnapshot } from 'node:v8';

import { pendingTimers } from './timers.ts';

export interface Probed {
  readonly memory: NodeJS.MemoryUsage;
  /** What keeps the event loop alive, by kind. */
  readonly resources: Readonly<Record<string, number>>;
  /** Those that are to run, whether they keep the event loop alive or not. */
  readonly timers: readonly string[];
}

const place = process.env['SOAK_PROBE'];
const collect = global.gc;
if (place !== undefined && collect !== undefined) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    void settled(collect).then(() => {
      const resources: Record<string, number> = {};
      for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
      const memory = process.memoryUsage();
      socket.end(JSON.stringify({ memory, resources, timers: pendingTimers() } satisfies Probed));
      const folder = process.env['SOAK_SNAPSHOTS'];
      if (folder !== undefined) writeHeapSnapshot(`${folder}/${Date.now()}.heapsnapshot`);
    });
  });
  server.listen(place);
  server.unref();
}

/** What a finalizer lets go of is garbage of the next collection. */
async function settled(gc: () => unknown): Promise<void> {
  for (let n = 0; n < 4; n++) {
    gc();
    await turn();
  }
}
