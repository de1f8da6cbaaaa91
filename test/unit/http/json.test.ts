import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isDeeperThan, parseJson } from '../../../src/http/json.ts';

/** Nesting measured on the parsed value, independently of the scanner. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Object.values(value).reduce<number>((deepest, item) => Math.max(deepest, depthOf(item)), 0);
}

describe('nesting of JSON', () => {
  it('is measured as the parsed value has it', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        const depth = depthOf(JSON.parse(text));
        expect(isDeeperThan(text, depth)).toBe(false);
        if (depth > 0) expect(isDeeperThan(text, depth - 1)).toBe(true);
      }),
    );
  });

  it.each([
    ['brackets in a string', '"[[[[{{{{"', false],
    ['behind an escaped quote', '"\\"[[["', false],
    ['behind an escaped backslash', '["\\\\",[[]]]', true],
    ['never closed', '[[[', true],
    ['a string that never ends', '["[[[[', false],
  ])('%s', (_, text, deeper) => expect(isDeeperThan(text, 2)).toBe(deeper));

  it('stops a deep text before the parser sees it', () => {
    expect(() => parseJson('['.repeat(100_000), 16)).toThrow('nested deeper than 16 levels');
  });

  it('says that broken JSON is no JSON without echoing it', () => {
    expect(() => parseJson('{"token": pat_secret}', 16)).toThrow(/^The body is not valid JSON\.$/);
  });
});
