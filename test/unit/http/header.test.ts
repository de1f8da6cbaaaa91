import { describe, expect, it } from 'vitest';
import { parseAuthorization } from '../../../src/http/auth/header.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** The secret made visible, so that tables can compare it. */
function parsed(header: string | undefined): unknown {
  const presented = parseAuthorization(header);
  if (presented.kind === 'bearer') return ['bearer', presented.secret.reveal()];
  if (presented.kind === 'basic') return ['basic', presented.user, presented.secret.reveal()];
  return presented.kind;
}

describe('the Authorization header', () => {
  it.each<[string, string | undefined, unknown]>([
    ['missing', undefined, 'none'],
    ['blank', '  ', 'none'],
    ['bearer', 'Bearer pat_abc', ['bearer', 'pat_abc']],
    ['bearer in another case', 'bEARER   pat_abc', ['bearer', 'pat_abc']],
    ['as Dremio’s clients send it', '_dremiopat_abc', ['bearer', 'pat_abc']],
    ['as Dremio’s clients send it, with a scheme', 'Bearer _dremiopat_abc', ['bearer', 'pat_abc']],
    ['basic', `Basic ${base64('token:pat_abc')}`, ['basic', 'token', 'pat_abc']],
    ['basic with colons in the secret', `Basic ${base64('ada:a:b:c')}`, ['basic', 'ada', 'a:b:c']],
    ['basic with an empty secret', `Basic ${base64('ada:')}`, ['basic', 'ada', '']],
    ['basic in UTF-8', `Basic ${base64('zoë:pat_abc')}`, ['basic', 'zoë', 'pat_abc']],
    ['basic without a colon', `Basic ${base64('pat_abc')}`, 'malformed'],
    ['basic that is no UTF-8', `Basic ${Buffer.from([0xff, 0x3a, 0x61]).toString('base64')}`, 'malformed'],
    ['basic that is no base64', 'Basic %%%', 'malformed'],
    ['bearer without a token', 'Bearer', 'malformed'],
    ['bearer with two tokens', 'Bearer a b', 'malformed'],
    ['bearer with a character that no token has', 'Bearer a"b', 'malformed'],
    ['another scheme', 'Digest username="ada"', 'malformed'],
    ['no scheme', 'pat_abc', 'malformed'],
    ['the prefix alone', '_dremio', 'malformed'],
  ])('%s', (_, header, expected) => expect(parsed(header)).toEqual(expected));

  it('does not print what it read', () => {
    const text = JSON.stringify([
      parseAuthorization('Bearer pat_abc'),
      parseAuthorization(`Basic ${base64('ada:pat_abc')}`),
    ]);
    expect(text).not.toContain('pat_abc');
  });
});
