import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LogDestination, type LogTrouble } from '../../../src/core/log-destination.ts';
import { describeWith } from '../../support/clients.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

describeWith('linux', 'what is logged', () => {
  it('while nothing can be written is kept up to a megabyte, then counted as lost', () => {
    const destination = new LogDestination('/dev/full');
    const line = `${'x'.repeat(1023)}\n`;
    for (let n = 0; n < 1024; n++) destination.write(line);
    expect(destination).toMatchObject({ failing: true, lost: 0 });
    for (let n = 0; n < 10; n++) destination.write(line);
    expect(destination).toMatchObject({ failing: true, lost: 10 });
  });

  it('while nobody reads a pipe gets to the next reader, and that there was nobody is told', async () => {
    const pipe = path.join(await temporaryDirectory(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const read = (): number => openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const troubles: LogTrouble[] = [];
    const first = read();
    const destination = new LogDestination(pipe, (trouble) => troubles.push(trouble));
    destination.write('one\n');
    expect(heard(first)).toBe('one\n');
    closeSync(first);
    destination.write('two\n');
    destination.write('three\n');
    expect(destination).toMatchObject({ failing: true, lost: 0 });
    const second = read();
    destination.write('four\n');
    expect(heard(second)).toBe('two\nthree\nfour\n');
    closeSync(second);
    await eventually(() =>
      expect(troubles).toEqual([{ lost: 0, reason: expect.stringContaining('EPIPE') as string }]),
    );
    expect(destination.failing).toBe(false);
  });
});

describe('a file that was moved away', () => {
  it('goes on where no new one can be begun, and is let go of once one can', async () => {
    const base = await temporaryDirectory();
    const directory = path.join(base, 'log');
    const file = path.join(directory, 'patgate.log');
    const destination = new LogDestination(file);
    destination.write('one\n');
    const old = openSync(file, 'r');
    rmSync(directory, { recursive: true });
    writeFileSync(directory, 'in the way');
    for (let n = 0; n < 2; n++) expect(() => destination.reopen()).toThrow();
    await nextTurn();
    expect(destination.failing).toBe(false);
    destination.write('two\n');
    expect(readFileSync(old, 'utf8')).toBe('one\ntwo\n');
    closeSync(old);
    rmSync(directory);
    mkdirSync(directory);
    destination.reopen();
    destination.write('three\n');
    expect(readFileSync(file, 'utf8')).toBe('three\n');
  });
});

function heard(fd: number): string {
  const buffer = Buffer.alloc(4096);
  return buffer.toString('utf8', 0, readSync(fd, buffer));
}
