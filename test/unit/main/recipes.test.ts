import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { connectionRecipes } from '../../../src/main/recipes.ts';
import type { ReadyInfo } from '../../../src/main/ready-file.ts';

function recipes(host: string, caFile: string | null): string[] {
  const info: ReadyInfo = {
    ...{ pid: 1, http: null, metrics: null, storeUrl: '', caFile },
    postgres: { host, port: 6432 },
    demo: { user: 'demo', password: 'secret', token: 'pat_token', database: 'demo' },
  };
  return connectionRecipes(info)
    .split('\n')
    .map((line) => line.trim());
}

/** What a shell makes of the lines for psql: their first arguments. */
function targets(lines: readonly string[]): string[] {
  return lines
    .filter((line) => line.includes('psql '))
    .map((line) => execFileSync('sh', ['-c', `psql() { printf %s "$1"; }; ${line}`], { encoding: 'utf8' }));
}

describe('recipes', () => {
  test('keep whole a path with blanks and quotes, through the shell and in each syntax', () => {
    const lines = recipes('127.0.0.1', `/home/o'brien/my \\files/ca.crt`);
    const encoded = `%2Fhome%2Fo'brien%2Fmy%20%5Cfiles%2Fca.crt`;
    expect(targets(lines)).toEqual([
      `postgresql://$token:pat_token@127.0.0.1:6432/demo?sslmode=verify-full&sslrootcert=${encoded}`,
      `host=127.0.0.1 port=6432 user=$token dbname=demo sslmode=verify-full sslrootcert='/home/o\\'brien/my \\\\files/ca.crt'`,
      `postgresql://demo:pat_token@127.0.0.1:6432/demo?sslmode=verify-full&sslrootcert=${encoded}`,
    ]);
    expect(lines).toContain(
      `jdbc:postgresql://127.0.0.1:6432/demo?user=$token&password=pat_token&sslmode=verify-full&sslrootcert=${encoded}`,
    );
  });

  test('verify the server by ODBC too', () => {
    expect(recipes('127.0.0.1', '/tls/ca.crt').at(-2)).toBe(
      'Driver={PostgreSQL Unicode};Server=127.0.0.1;Port=6432;Database=demo;UID=$token;PWD=pat_token;SSLmode=verify-full;pqopt={sslrootcert=/tls/ca.crt}',
    );
  });

  test.each([
    ['0.0.0.0', '@127.0.0.1:6432/', 'host=127.0.0.1 '],
    ['::', '@[::1]:6432/', 'host=::1 '],
    ['::1', '@[::1]:6432/', 'host=::1 '],
    ['10.0.0.5', '@10.0.0.5:6432/', 'host=10.0.0.5 '],
  ])('for a listener on %s', (host, inUri, inKeywords) => {
    const [uri, keywords] = targets(recipes(host, null));
    expect(uri).toContain(inUri);
    expect(keywords).toContain(inKeywords);
  });
});
