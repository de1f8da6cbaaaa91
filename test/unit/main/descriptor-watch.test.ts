import { rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import path from 'node:path';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { DescriptorWatch } from '../../../src/main/life/descriptor-watch.ts';
import { silentLog } from '../../support/store.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

/** @param limitsFile in place of /proc/self/limits */
function watchOf(limitsFile: string) {
  let look = (): void => undefined;
  const clock = {
    ...systemClock,
    after(_delayMs: number, run: () => void) {
      look = run;
      return { cancel: () => undefined };
    },
  };
  const watch = new DescriptorWatch({ registry: new Registry(), clock, log: silentLog, limitsFile });
  onTestFinished(() => watch.close());
  return { watch, look: () => look() };
}

const accepted = (fd: number) => ({ _handle: { fd } }) as unknown as Socket;
const limitOf = (limit: number) =>
  `Max open files            ${limit}                 ${limit}                 files     \n`;

describe('where the limit on file descriptors cannot be read', () => {
  it.each([
    ['there is no /proc', 'missing/limits'],
    // It can be opened, and then not read.
    ['reading is refused', '.'],
  ])('nothing is known of it, and all are let in: %s', async (_why, name) => {
    const { watch, look } = watchOf(path.join(await temporaryDirectory(), name));
    for (let n = 0; n < 2; n++) {
      expect(watch.limit).toBeNull();
      expect(watch.room(accepted(1_000_000))).toBe('enough');
      look();
    }
  });

  it('any more, what was known is forgotten, until it can be again', async () => {
    const file = path.join(await temporaryDirectory(), 'limits');
    writeFileSync(file, limitOf(5000));
    const { watch, look } = watchOf(file);
    expect(watch.limit).toBe(5000);
    expect(watch.room(accepted(4999))).toBe('none');
    rmSync(file);
    look();
    expect(watch.limit).toBeNull();
    expect(watch.room(accepted(4999))).toBe('enough');
    writeFileSync(file, limitOf(4000));
    look();
    expect(watch.limit).toBe(4000);
  });
});
