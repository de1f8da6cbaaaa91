import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { databricksId, datahubId, parseTokenId } from '../../../src/tokens/alias.ts';

describe('aliases of a token id', () => {
  it('are stable: scripts keep them', () => {
    const tid = '0f8fad5b-d9cb-469f-a165-70867728950e';
    expect(databricksId(tid)).toBe('0f8fad5bd9cb469fa16570867728950e30de6eb1c75844f3b6bbe0866ea24e22');
    expect(datahubId(tid)).toBe(Buffer.from(databricksId(tid), 'hex').toString('base64'));
  });

  it('have the shapes that Databricks and DataHub use, and lead back', () => {
    fc.assert(
      fc.property(fc.uuid(), (tid) => {
        expect(databricksId(tid)).toMatch(/^[0-9a-f]{64}$/);
        expect(datahubId(tid)).toMatch(/^[A-Za-z0-9+/]{43}=$/);
        for (const alias of [tid, tid.toUpperCase(), databricksId(tid), datahubId(tid)]) {
          expect(parseTokenId(alias)).toBe(tid);
        }
        expect(parseTokenId(Buffer.from(databricksId(tid), 'hex').toString('base64url'))).toBe(tid);
      }),
    );
  });

  it.each([
    '',
    'x',
    '%',
    randomUUID().replaceAll('-', ''),
    `${randomUUID()} `,
    '0'.repeat(64),
    databricksId(randomUUID()).replace(/^../, '  '),
    databricksId(randomUUID()).slice(0, 63) + 'g',
    `${'A'.repeat(43)}=`,
    'a'.repeat(100_000),
  ])('are not made up: %#', (text) => {
    expect(parseTokenId(text)).toBeNull();
  });
});
