import { once } from 'node:events';

import { COPY_CHUNK, frame } from '../engines/frames.ts';
import { LoadClient, query, READY_IDLE } from '../load/client.ts';
import { cpuSeconds } from '../processes.ts';
import type { Running } from '../targets/target.ts';
import type { Figures, Scenario } from './scenario.ts';

const FIGURES = {
  'MB/s': { unit: '', moreIsBetter: true },
  'CPU per MB': { unit: 'µs', moreIsBetter: false },
} as const;

/** One client reads a large COPY OUT as fast as it comes. */
export const bulkOut: Scenario = {
  name: 'bulk out',
  figures: FIGURES,
  run: (target, seconds) => measure(target, seconds, copyOut),
};

/** One client sends a large COPY IN as fast as it is taken. */
export const bulkIn: Scenario = {
  name: 'bulk in',
  figures: FIGURES,
  run: (target, seconds) => measure(target, seconds, copyIn),
};

const STEP_MB = 100;

async function measure(
  target: Running,
  seconds: number,
  step: (client: LoadClient) => Promise<void>,
): Promise<Figures> {
  const client = await LoadClient.open(target.port);
  await step(client);
  const startMs = performance.now();
  const startCpu = cpuOf(target);
  let megabytes = 0;
  do {
    await step(client);
    megabytes += STEP_MB;
  } while (performance.now() - startMs < seconds * 1000);
  const cpu = cpuOf(target) - startCpu;
  const tookMs = performance.now() - startMs;
  client.close();
  return { 'MB/s': (megabytes / tookMs) * 1000, 'CPU per MB': (cpu / megabytes) * 1e6 };
}

async function copyOut(client: LoadClient): Promise<void> {
  const done = client.untilByte(READY_IDLE);
  client.socket.write(query(`out ${STEP_MB}`));
  await done;
}

async function copyIn(client: LoadClient): Promise<void> {
  // CopyInResponse ends with a zero byte
  const wanted = client.untilByte(0);
  client.socket.write(query('in'));
  await wanted;
  const done = client.untilByte(READY_IDLE);
  for (let sent = 0; sent < STEP_MB * 1e6; sent += COPY_CHUNK.length) {
    if (!client.socket.write(COPY_CHUNK)) await once(client.socket, 'drain');
  }
  client.socket.write(frame('c'));
  await done;
}

const cpuOf = (target: Running): number => target.pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
