import { describe, expect, it } from 'vitest';
import { parseUserlist } from '../../../src/upstream/userlist.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');
const KEYS = `SCRAM-SHA-256-KEYS$4096:c2FsdA==$${KEY}:${KEY}`;

describe('a userlist', () => {
  it('gives a credential a role', () => {
    const list = parseUserlist(
      [
        '; roles of the warehouse',
        '',
        '"ada" "s3 ""quoted"" ; secret"  "ignored"',
        '\t"the ""other"""\t"md5' + 'a1'.repeat(16) + '"',
        `"bob" "${KEYS}"`,
        '"guest" ""',
        '',
      ].join('\r\n'),
      'users.txt',
    );
    const ada = list.get('ada');
    expect(ada?.kind === 'password' && ada.password.reveal()).toBe('s3 "quoted" ; secret');
    const other = list.get('the "other"');
    expect(other?.kind === 'md5' && other.hash.reveal()).toBe(`md5${'a1'.repeat(16)}`);
    expect(list.get('bob')).toEqual({
      kind: 'scram',
      keys: {
        salt: Buffer.from('salt'),
        iterations: 4096,
        clientKey: Buffer.alloc(32, 7),
        serverKey: Buffer.alloc(32, 7),
      },
    });
    expect(list.get('guest')).toEqual({ kind: 'none' });
    expect(list.size).toBe(4);
  });

  it.each([
    ['ada hunter2', /users\.txt, line 2: expected "role" "secret"/],
    ['"ada"', /expected "role" "secret"/],
    ['"ada" "hunter2', /expected "role" "secret"/],
    ['"ada" "hunter2"x', /expected "role" "secret"/],
    ['"" "hunter2"', /the role is empty/],
    ['"first" "hunter2"', /listed twice/],
    [`"ada" "SCRAM-SHA-256$4096:c2FsdA==$${KEY}:${KEY}"`, /StoredKey/],
    ['"ada" "SCRAM-SHA-256-KEYS$hunter2"', /expected SCRAM-SHA-256-KEYS/],
    [`"ada" "SCRAM-SHA-256-KEYS$0:c2FsdA==$${KEY}:${KEY}"`, /expected SCRAM-SHA-256-KEYS/],
    [`"ada" "SCRAM-SHA-256-KEYS$4096:c2FsdA==$c2hvcnQ=:${KEY}"`, /keys of 32 bytes/],
  ])('refuses %s by its line, without repeating it', (line, message) => {
    const parse = (): unknown => parseUserlist(`"first" "x"\n${line}`, 'users.txt');
    expect(parse).toThrow(message);
    expect(parse).toThrow(/line 2/);
    expect(parse).not.toThrow(/hunter2/);
  });

  it('prints no secret', () => {
    expect(JSON.stringify([...parseUserlist('"ada" "hunter2"', 'x')])).not.toMatch(/hunter2/);
  });
});
