import { expect, test } from 'vitest';

import { Happenings, type Part } from '../../../bench/soak/happenings.ts';
import { judgeLog } from '../../../bench/soak/log.ts';
import { createLog } from '../../../src/core/log.ts';

/** What the gateway's own log makes of it. */
const lines = (write: (log: ReturnType<typeof createLog>) => void): string => {
  let text = '';
  write(createLog('warn', { write: (line) => void (text += line) }));
  return text;
};

const EXPECTED: readonly (readonly [RegExp, Part])[] = [[/^a job failed$/, 'store']];

const judge = (text: string, part: Part | null) => {
  const happenings = new Happenings();
  happenings.end(happenings.begin('a fault', part, 1000), 2000);
  const violations: string[] = [];
  const seen = judgeLog(text, happenings, (what) => violations.push(what), {
    expected: EXPECTED,
    toMonotonicMs: () => 1500,
  });
  return { violations, seen: Object.fromEntries(seen) };
};

test('warnings are as may be, and an error that a fault explains is counted', () => {
  const text = lines((log) => {
    log.warn({ code: 'login.wrong_secret' }, 'login refused');
    log.error({ job: 'prune' }, 'a job failed');
    log.error({ job: 'notices' }, 'a job failed');
  });
  expect(judge(text, 'store')).toEqual({ violations: [], seen: { 'a job failed': 2 } });
});

test.each([
  ['another fault', 'engine' as const],
  ['a fault that takes nothing away', null],
])('by %s, the same error is not explained', (_, part) => {
  const text = lines((log) => log.error({ job: 'prune' }, 'a job failed'));
  expect(judge(text, part)).toEqual({
    violations: [expect.stringMatching(/^log: .*"a job failed"/)],
    seen: {},
  });
});

test.each(['error', 'fatal'] as const)('whatever else is of level %s is noticed, with its text', (level) => {
  const text = lines((log) => {
    log[level]({ sid: 's' }, 'a session ended by a defect');
    log[level]('it was once said that a job failed');
  });
  expect(judge(text, 'store').violations).toEqual([
    expect.stringContaining('a session ended by a defect'),
    expect.stringContaining('it was once said'),
  ]);
});

test('so is what is no line of the log', () => {
  const text = `${lines((log) => log.warn('x'))}TypeError: x is not a function\n{"level":"warn"}\n`;
  expect(judge(text, 'store').violations).toEqual([
    'log: not a line of the log: TypeError: x is not a function',
    'log: not a line of the log: {"level":"warn"}',
  ]);
});

test('what the log says of the time is what counts', () => {
  const happenings = new Happenings();
  const violations: string[] = [];
  const fault = happenings.begin('a fault', 'store');
  const text = lines((log) => log.error('a job failed'));
  happenings.end(fault);
  const judgeIt = () => judgeLog(text, happenings, (what) => violations.push(what), { expected: EXPECTED });
  judgeIt();
  expect(violations).toEqual([]);
  fault.toMs -= 8000;
  judgeIt();
  expect(violations).toHaveLength(1);
});
