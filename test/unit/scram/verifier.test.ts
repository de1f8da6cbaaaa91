import { describe, expect, test } from 'vitest';
import { makeVerifier, formatVerifier, parseVerifier } from '../../../src/scram/verifier.ts';
import { preparePassword } from '../../../src/scram/saslprep.ts';

const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
/** RFC 7677, section 3: StoredKey and ServerKey of "pencil". */
const pencil =
  'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=';

describe('verifier', () => {
  test('of "pencil"', async () => {
    expect(formatVerifier(await makeVerifier('pencil', { salt, iterations: 4096 }))).toBe(pencil);
  });

  test('comes back from its text', () => {
    const verifier = parseVerifier(pencil);
    expect(verifier).toMatchObject({ salt, iterations: 4096 });
    expect(verifier && formatVerifier(verifier)).toBe(pencil);
  });

  test('has a salt of its own when none is given', async () => {
    const [a, b] = [await makeVerifier('pencil'), await makeVerifier('pencil')];
    expect(a.salt).toHaveLength(16);
    expect(a.salt.equals(b.salt)).toBe(false);
  });

  test.each([
    '',
    'pencil',
    'md5d8578edf8458ce06fbc5bb76a58c5ca4',
    pencil.replace('4096', '0'),
    pencil.replace('4096', '04096'),
    pencil.replace('4096', '4294967296'),
    pencil.replace('gQ==', 'gR=='),
    pencil.replace('W22ZaJ0SNY7soEsUEjb6gQ==', ''),
    pencil.slice(0, -4),
    `${pencil}\n`,
    pencil.replace('SHA-256', 'SHA-1'),
  ])('is not %j', (text) => {
    expect(parseVerifier(text)).toBeNull();
  });
});

describe('password preparation', () => {
  test.each([
    { title: 'ASCII as it is', from: 'I am\tnot\u0007', to: 'I am\tnot\u0007' },
    { title: 'soft hyphen dropped', from: 'I\u00ADX', to: 'IX' },
    { title: 'NFKC', from: '\u00AA', to: 'a' },
    { title: 'roman nine', from: '\u2168', to: 'IX' },
    { title: 'no-break space', from: 'a\u00A0b', to: 'a b' },
    { title: 'prohibited: raw', from: 'a\u00AD\u0007', to: 'a\u00AD\u0007' },
    { title: 'mixed direction: raw', from: '\u06271', to: '\u06271' },
    { title: 'unassigned in Unicode 3.2: raw', from: 'é\u0221', to: 'é\u0221' },
    { title: 'nothing left: raw', from: '\u00AD', to: '\u00AD' },
  ])('$title', ({ from, to }) => {
    expect(preparePassword(from).toString()).toBe(to);
  });

  test('bytes that are not UTF-8 stay as they are', () => {
    const bytes = Buffer.from('c3c2ad', 'hex');
    expect(preparePassword(bytes)).toEqual(bytes);
  });
});
