import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { acquireLock } from '../../../src/embedded/lock.ts';
import { processIdentity } from '../../../src/embedded/process.ts';
import { runScript } from '../../support/child.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

test('one holder at a time, and everybody gets a turn', async () => {
  const directory = await temporaryDirectory();
  let inside = 0;
  let turns = 0;
  const take = async () => {
    const lock = await acquireLock(directory, 30_000);
    inside += 1;
    expect(inside).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
    turns += 1;
    await lock.release();
  };
  await Promise.all(Array.from({ length: 20 }, take));
  expect(turns).toBe(20);
});

test('a live holder is named to the one who waited in vain', async () => {
  const directory = await temporaryDirectory();
  const lock = await acquireLock(directory, 1000);
  await expect(acquireLock(directory, 0)).rejects.toMatchObject({
    code: 'embedded.failed',
    message: expect.stringContaining(`process ${process.pid}`) as string,
  });
  await lock.release();
  await (await acquireLock(directory, 0)).release();
});

test('a killed process loses the lock', async () => {
  const directory = await temporaryDirectory();
  const holder = runScript('test/support/lock-holder.ts', [directory]);
  expect(await holder.line()).toBe('held');
  await expect(acquireLock(directory, 0)).rejects.toMatchObject({ code: 'embedded.failed' });
  await holder.kill();
  await (await acquireLock(directory, 0)).release();
});

test('a process with the number of a dead holder is not taken for it', async () => {
  const directory = await temporaryDirectory();
  const earlier = { pid: process.pid, identity: 'another boot/1' };
  await writeFile(path.join(directory, '7'), JSON.stringify(earlier));
  await (await acquireLock(directory, 0)).release();
});

test('the identity of a process stays, and ends with it', async () => {
  const holder = runScript('test/support/lock-holder.ts', [await temporaryDirectory()]);
  await holder.line();
  const identity = await processIdentity(holder.pid);
  expect(identity).not.toBeNull();
  expect(identity).not.toBe(await processIdentity(process.pid));
  expect(await processIdentity(holder.pid)).toBe(identity);
  await holder.kill();
  expect(await processIdentity(holder.pid)).toBeNull();
});
