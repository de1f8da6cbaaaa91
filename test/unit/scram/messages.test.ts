import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseClientFinal, parseClientFirst } from '../../../src/scram/client-messages.ts';
import { ScramError } from '../../../src/scram/errors.ts';
import { parseServerFinal, parseServerFirst } from '../../../src/scram/server-messages.ts';

const proof = Buffer.alloc(32, 7).toString('base64');

describe('client-first-message', () => {
  test.each([
    { text: 'n,,n=,r=abc', flag: 'n', gs2Header: 'n,,', bare: 'n=,r=abc', nonce: 'abc' },
    { text: 'y,,n=*,r=abc', flag: 'y', gs2Header: 'y,,', bare: 'n=*,r=abc', nonce: 'abc' },
    {
      text: 'p=tls-server-end-point,,n=ada,r=a!~,x=1',
      flag: 'p',
      gs2Header: 'p=tls-server-end-point,,',
      bare: 'n=ada,r=a!~,x=1',
      nonce: 'a!~',
    },
  ])('$text', ({ text, ...parts }) => {
    expect(parseClientFirst(Buffer.from(text))).toEqual(parts);
  });

  test.each([
    ['', 'malformed'],
    ['n', 'malformed'],
    ['n,', 'malformed'],
    ['n,,', 'malformed'],
    ['N,,n=,r=abc', 'malformed'],
    ['z,,n=,r=abc', 'malformed'],
    ['n=,r=abc', 'malformed'],
    ['n,n=,r=abc', 'malformed'],
    ['n,a=ada,n=,r=abc', 'unsupported'],
    ['n,b=ada,n=,r=abc', 'malformed'],
    ['p=,,n=,r=abc', 'malformed'],
    ['n,,r=abc,n=', 'malformed'],
    ['n,,n=', 'malformed'],
    ['n,,n=,r=', 'malformed'],
    ['n,,n=,r=a b', 'malformed'],
    ['n,,n=,r=a\u007f', 'malformed'],
    ['n,,n=,r=é', 'malformed'],
    ['n,,n=,r=abc,', 'malformed'],
    ['n,,n=,r=abc,9=1', 'malformed'],
    ['n,,m=ext,n=,r=abc', 'unsupported'],
    ['n,,n=,r=abc,m=ext', 'unsupported'],
    ['n,,n=\0,r=abc', 'malformed'],
    [`n,,n=,r=${'a'.repeat(1017)}`, 'malformed'],
  ])('refuses %j', (text, failure) => {
    expect(failureOf(parseClientFirst, text)).toBe(failure);
  });

  test('may be 1,024 bytes long', () => {
    expect(parseClientFirst(Buffer.from(`n,,n=,r=${'a'.repeat(1016)}`)).nonce).toHaveLength(1016);
  });
});

describe('client-final-message', () => {
  test('keeps extensions in what the proof covers', () => {
    expect(parseClientFinal(Buffer.from(`c=biws,r=abc,x=y,p=${proof}`))).toEqual({
      channelBinding: Buffer.from('n,,'),
      nonce: 'abc',
      withoutProof: 'c=biws,r=abc,x=y',
      proof: Buffer.alloc(32, 7),
    });
  });

  test.each([
    ['', 'malformed'],
    ['c=biws', 'malformed'],
    ['c=biws,r=abc', 'malformed'],
    [`r=abc,c=biws,p=${proof}`, 'malformed'],
    [`c=biws,p=${proof},r=abc`, 'malformed'],
    [`c=biws,r=abc,p=${proof},x=y`, 'malformed'],
    [`c=biws,r=abc,p=${proof},p=${proof}`, 'malformed'],
    [`c=biw,r=abc,p=${proof}`, 'malformed'],
    [`c=biwt=,r=abc,p=${proof}`, 'malformed'],
    [`c=bi ws,r=abc,p=${proof}`, 'malformed'],
    [`c=biws,r=,p=${proof}`, 'malformed'],
    [`c=biws,r=abc,p=`, 'malformed'],
    [`c=biws,r=abc,p=${proof.slice(0, -1)}`, 'malformed'],
    [`c=biws,r=abc,p=${proof.slice(0, -4)}`, 'malformed'],
    [`c=biws,r=abc,p=${Buffer.alloc(33).toString('base64')}`, 'malformed'],
    [`c=biws,r=abc,p=${proof.replaceAll('/', '_').replaceAll('B', '-')}`, 'malformed'],
    [`c=biws,r=abc,p=${proof}\n`, 'malformed'],
    [`c=biws,r=abc,m=ext,p=${proof}`, 'unsupported'],
    [`m=ext,c=biws,r=abc,p=${proof}`, 'unsupported'],
    [`c=biws,r=abc,x=${'y'.repeat(1024)},p=${proof}`, 'malformed'],
  ])('refuses %j', (text, failure) => {
    expect(failureOf(parseClientFinal, text)).toBe(failure);
  });
});

describe('any bytes at all', () => {
  const parsers = { parseClientFirst, parseClientFinal, parseServerFirst, parseServerFinal };
  const seeds = [
    'n,,n=,r=abcdef',
    'p=tls-server-end-point,,n=,r=abcdef',
    `c=biws,r=abcdef,p=${proof}`,
    'r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    `v=${proof}`,
  ].map((text) => Buffer.from(text));
  const mutated = fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(80), fc.nat(255), fc.constantFrom('set', 'insert', 'cut')), { maxLength: 6 }),
    )
    .map(([seed, changes]) => {
      const bytes = [...seed];
      for (const [at, byte, how] of changes) {
        if (how === 'set') bytes[at % bytes.length] = byte;
        else bytes.splice(at % (bytes.length + 1), how === 'cut' ? 1 : 0, ...(how === 'cut' ? [] : [byte]));
        if (bytes.length === 0) break;
      }
      return Buffer.from(bytes);
    });

  test.each(Object.entries(parsers))('%s parses or throws ScramError, nothing else', (_name, parse) => {
    fc.assert(
      fc.property(
        fc.oneof(
          mutated,
          fc.uint8Array({ maxLength: 1100 }).map((a) => Buffer.from(a)),
        ),
        (bytes) => {
          try {
            parse(bytes);
          } catch (error) {
            if (!(error instanceof ScramError)) throw error;
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('what parses as a client message is, put together again, what was sent', () => {
    fc.assert(
      fc.property(mutated, (bytes) => {
        for (const rebuild of [
          () => {
            const { gs2Header, bare } = parseClientFirst(bytes);
            return gs2Header + bare;
          },
          () => {
            const final = parseClientFinal(bytes);
            return `${final.withoutProof},p=${final.proof.toString('base64')}`;
          },
        ]) {
          let rebuilt: string;
          try {
            rebuilt = rebuild();
          } catch (error) {
            if (error instanceof ScramError) continue;
            throw error;
          }
          expect(rebuilt).toBe(bytes.toString('latin1'));
        }
      }),
      { numRuns: 3000 },
    );
  });
});

function failureOf(parse: (bytes: Buffer) => unknown, text: string): string | null {
  try {
    parse(Buffer.from(text));
    return null;
  } catch (error) {
    if (error instanceof ScramError) return error.failure;
    throw error;
  }
}
