import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  generateToken,
  isWellFormed,
  kindOfToken,
  shownPrefix,
  tokenDigest,
} from '../../../src/tokens/format.ts';

/** Python's zlib and integers, as somebody else's CRC-32 and base62. */
const PEER = `
import sys, zlib
A = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
for line in sys.stdin:
    text = line.strip(); n = zlib.crc32(text[:-6].encode()); tail = ''
    for _ in range(6): n, d = divmod(n, 62); tail = A[d] + tail
    print(tail == text[-6:])
`;

function hasPython(): boolean {
  try {
    execFileSync('python3', ['--version']);
    return true;
  } catch {
    return false;
  }
}

describe('tokens', () => {
  it.each([
    ['pat', /^pat_[0-9A-Za-z]{49}$/],
    ['session', /^pse_[0-9A-Za-z]{49}$/],
  ] as const)('%s: shape, kind and no repetition', (kind, shape) => {
    const tokens = Array.from({ length: 1000 }, () => generateToken(kind).reveal());
    expect(new Set(tokens).size).toBe(1000);
    for (const token of tokens) {
      expect(token).toMatch(shape);
      expect(kindOfToken(token)).toBe(kind);
    }
  });

  it('use the whole of their alphabet at every place', () => {
    const seen = Array.from({ length: 43 }, () => new Set<string>());
    for (let i = 0; i < 3000; i += 1) {
      const token = generateToken('pat').reveal();
      seen.forEach((digits, place) => digits.add(token.charAt(4 + place)));
    }
    // 62^43 is 2.04 × 2^256: the first digit takes half of the alphabet.
    expect(seen[0]?.size).toBeGreaterThan(28);
    for (const digits of seen.slice(1)) expect(digits.size).toBe(62);
  });

  it.skipIf(!hasPython())('carry the CRC-32 that other code computes', () => {
    const tokens = Array.from({ length: 200 }, () => generateToken('pat').reveal()).join('\n');
    const answers = execFileSync('python3', ['-c', PEER], { input: `${tokens}\n`, encoding: 'utf8' });
    expect(answers.trim().split('\n')).toEqual(Array.from({ length: 200 }, () => 'True'));
  });

  it('with one character changed are not well-formed', () => {
    const token = generateToken('pat').reveal();
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.integer({ min: 32, max: 126 }), (at, code) => {
        const other = token.slice(0, at) + String.fromCharCode(code) + token.slice(at + 1);
        // "pse_" is the other kind; one changed character does not lead there.
        expect(isWellFormed(other)).toBe(other === token);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    '',
    'pat_',
    'token',
    'pat_\u0000',
    `pat_${'0'.repeat(49)}`,
    ` ${generateToken('pat').reveal()}`,
    `${generateToken('pat').reveal()}\n`,
    `${generateToken('pat').reveal()}0`,
    generateToken('pat').reveal().replace('pat_', 'pse_'),
    generateToken('pat').reveal().toLowerCase(),
    'x'.repeat(1_000_000),
  ])('%# are not made of other texts', (text) => {
    expect(isWellFormed(text)).toBe(false);
    expect(kindOfToken(text)).toBeNull();
  });

  it('are kept as SHA-256 and shown by ten characters', () => {
    const token = generateToken('pat').reveal();
    expect(tokenDigest(token)).toEqual(createHash('sha256').update(token).digest());
    expect(shownPrefix(token)).toBe(token.slice(0, 10));
  });
});
