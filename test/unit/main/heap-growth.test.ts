import { expect, test } from 'vitest';
import { runScript } from '../../support/child.ts';

const collections = async (how: string): Promise<number> => {
  const child = runScript('test/support/heap-script.ts', [how]);
  const counted = Number(await child.line());
  expect(await child.end()).toBe(0);
  return counted;
};

test('a process whose growth is limited collects old garbage much sooner than V8 would', async () => {
  const byItself = await collections('unlimited');
  expect(byItself).toBeGreaterThan(0);
  expect(await collections('limited')).toBeGreaterThan(2 * byItself);
});
