import { link, mkdir, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { embeddedFailed } from './failure.ts';
import { processIdentity } from './process.ts';

/**
 * A lock between processes that a dead process cannot hold, for platforms without flock in node.
 *
 * The lock is a row of numbered files; the one with the highest number names the holder, or is empty when the lock is free.
 * Whoever finds it empty, or its holder dead, tries to create the next number; that can succeed for one process only. The
 * highest file is never removed, so a process that was asleep in between finds a higher number and knows that it lost.
 */
export interface Lock {
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly identity: string;
}

const POLL_MS = 15;
/** Old files kept, so that a slow directory listing still sees one that is newer than its own. */
const KEPT = 8;

/**
 * @param directory made when missing; holds nothing but the lock
 * @throws RequestError embedded.failed when another live process holds it for longer than `timeoutMs`
 */
export async function acquireLock(directory: string, timeoutMs: number): Promise<Lock> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const me: Holder = { pid: process.pid, identity: (await processIdentity(process.pid)) ?? '' };
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const newest = await newestNumber(directory);
    const holder = newest === 0 ? null : await liveHolder(fileOf(directory, newest));
    if (holder === null) {
      const lock = await tryNumber(directory, newest + 1, me);
      if (lock !== null) return lock;
    } else if (performance.now() > deadline) {
      throw embeddedFailed(`process ${holder.pid} is busy with ${directory} for too long`);
    }
    await delay(POLL_MS * (1 + Math.random()));
  }
}

async function tryNumber(directory: string, number: number, me: Holder): Promise<Lock | null> {
  const file = fileOf(directory, number);
  if (!(await createWhole(file, JSON.stringify(me)))) return null;
  if ((await newestNumber(directory)) > number) {
    await rm(file, { force: true });
    return null;
  }
  await removeOld(directory, number - KEPT);
  return { release: () => truncate(file, 0) };
}

/** Creates a file with its content in one step. @returns false when there is one of that name */
async function createWhole(file: string, text: string): Promise<boolean> {
  const draft = path.join(path.dirname(file), `.${randomUUID()}`);
  try {
    await writeFile(draft, text, { mode: 0o600 });
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** @returns null when the lock is free: released, or its holder is dead */
async function liveHolder(file: string): Promise<Holder | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    // Removed as old: a newer one exists, which the next attempt will find.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  if (text === '') return null;
  const holder = JSON.parse(text) as Holder;
  return (await processIdentity(holder.pid)) === holder.identity ? holder : null;
}

async function newestNumber(directory: string): Promise<number> {
  return (await numbers(directory)).reduce((highest, number) => Math.max(highest, number), 0);
}

async function removeOld(directory: string, upTo: number): Promise<void> {
  for (const number of await numbers(directory)) {
    if (number <= upTo) await rm(fileOf(directory, number), { force: true });
  }
}

async function numbers(directory: string): Promise<readonly number[]> {
  return (await readdir(directory)).filter((name) => /^\d+$/.test(name)).map(Number);
}

function fileOf(directory: string, number: number): string {
  return path.join(directory, String(number));
}
