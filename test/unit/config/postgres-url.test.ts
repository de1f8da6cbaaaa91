import { describe, expect, it } from 'vitest';
import { holdsPassword, problemOfPostgresUrl, withPassword } from '../../../src/config/postgres-url.ts';
import { Secret } from '../../../src/core/secret.ts';

describe('a password given apart', () => {
  it.each([
    ['postgres://u@h/d', 'postgres://u:p%40%3A@h/d'],
    ['postgres://u:old@h:1/d?sslmode=require', 'postgres://u:p%40%3A@h:1/d?sslmode=require'],
    ['postgres://u@h1:1,h2:2/d', 'postgres://u:p%40%3A@h1:1,h2:2/d'],
    ['postgres://u%40x@h', 'postgres://u%40x:p%40%3A@h'],
    ['postgres:///d?host=/tmp/s&user=u', 'postgres:///d?host=%2Ftmp%2Fs&user=u&password=p%40%3A'],
    ['postgres:///d?host=h&user=u&password=old', 'postgres:///d?host=h&user=u&password=p%40%3A'],
    ['postgres://u@%2Ftmp%2Fs/d', 'postgres://u:p%40%3A@%2Ftmp%2Fs/d'],
  ])('is put into %s', (url, expected) => {
    expect(withPassword(new Secret(url), new Secret('p@:')).reveal()).toBe(expected);
  });
});

describe('a URL', () => {
  it.each([
    ['postgres://u@h/d', false],
    ['postgres://u:p@h/d', true],
    ['postgres://h/d?password=p', true],
    ['postgres://h1,h2:1/d', false],
  ])('%s: is there a password', (url, expected) => {
    expect(holdsPassword(url)).toBe(expected);
    expect(problemOfPostgresUrl(url)).toBeNull();
  });
});
