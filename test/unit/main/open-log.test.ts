import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openLog } from '../../../src/main/open-log.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

it('a log that cannot be begun anew goes on in the old file, and says why', async () => {
  const directory = path.join(await temporaryDirectory(), 'log');
  const file = path.join(directory, 'patgate.log');
  const opened = openLog({ log: { level: 'info', file } });
  const old = openSync(file, 'r');
  rmSync(directory, { recursive: true });
  writeFileSync(directory, 'in the way');
  opened.reopen();
  expect(JSON.parse(readFileSync(old, 'utf8'))).toMatchObject({
    level: 'error',
    msg: 'the log was not opened anew',
    file,
    reason: expect.stringContaining(directory) as string,
  });
  closeSync(old);
});
