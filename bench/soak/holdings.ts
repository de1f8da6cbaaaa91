import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import type { SoakGround } from './ground.ts';
import type { Probed } from './probe.ts';

/** A gateway that does not answer must not keep the verdict from being given. */
const PATIENCE_MS = 30_000;

/** What the gateway holds when all garbage is collected. Linux only. */
export interface Holdings {
  readonly logins: number;
  readonly sessions: number;
  /** Files and connections. */
  readonly files: number;
  readonly sockets: number;
  readonly timers: number;
  readonly heapMb: number;
  /** Buffers, and what else is outside the heap. */
  readonly externalMb: number;
  readonly residentMb: number;
}

export async function holdings(ground: SoakGround, logins: number): Promise<Holdings> {
  const probe = connect(ground.probe);
  probe.setTimeout(PATIENCE_MS, () => probe.destroy(new Error('the gateway does not tell what it holds')));
  const { memory, resources, timers } = JSON.parse(await text(probe)) as Probed;
  return {
    logins,
    sessions: await liveSessions(ground),
    files: readdirSync(`/proc/${ground.pid}/fd`).length,
    // Whoever asks is one of them.
    sockets: (resources['TCPSocketWrap'] ?? 0) + (resources['PipeWrap'] ?? 0),
    timers: timers.length,
    heapMb: megabytes(memory.heapUsed),
    externalMb: megabytes(memory.external),
    residentMb: megabytes(memory.rss),
  };
}

/** As the gateway's own metrics tell it. */
export async function liveSessions({ info }: SoakGround): Promise<number> {
  const metrics = await (
    await fetch(`${info.metrics?.url ?? ''}/metrics`, { signal: AbortSignal.timeout(PATIENCE_MS) })
  ).text();
  return Number(/^patgate_sessions(?:\{[^}]*\})? (\S+)/m.exec(metrics)?.[1] ?? Number.NaN);
}

function megabytes(bytes: number): number {
  return Math.round((bytes / 2 ** 20) * 10) / 10;
}
