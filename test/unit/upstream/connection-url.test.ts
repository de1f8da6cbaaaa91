import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import { parseConnectionUrl, type Target } from '../../../src/upstream/connection-url.ts';

function read(url: string): ReturnType<typeof parseConnectionUrl> {
  return parseConnectionUrl(new Secret(url), 'engine.url');
}

describe('a connection URL', () => {
  it.each<[string, Target[]]>([
    ['postgres://h/db', [{ host: 'h', port: 5432 }]],
    ['postgresql://h:6543', [{ host: 'h', port: 6543 }]],
    ['postgres://', [{ host: 'localhost', port: 5432 }]],
    ['postgres://user@/db', [{ host: 'localhost', port: 5432 }]],
    ['postgres://[2001:db8::1]:99/db', [{ host: '2001:db8::1', port: 99 }]],
    [
      'postgres://a:1,b:2,c/db',
      [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
        { host: 'c', port: 5432 },
      ],
    ],
    [
      'postgres:///db?host=a,b&port=7',
      [
        { host: 'a', port: 7 },
        { host: 'b', port: 7 },
      ],
    ],
    [
      'postgres:///db?host=a,b&port=7,8',
      [
        { host: 'a', port: 7 },
        { host: 'b', port: 8 },
      ],
    ],
    ['postgres://%2Fvar%2Frun%2Fpostgresql/db', [{ path: '/var/run/postgresql/.s.PGSQL.5432' }]],
    ['postgres:///db?host=/tmp/&port=77', [{ path: '/tmp/.s.PGSQL.77' }]],
  ])('%s leads to its servers', (url, targets) => {
    expect(read(url).targets).toEqual(targets);
  });

  it.each([
    'postgres://ada:p%40ss%2Fw%3Ard@h:99/sales',
    'postgres://ada:a:b@h/sales',
    'postgres://ada@h/my%20db',
    'postgres://h/db?user=u%26v&password=p%3D',
    'postgresql://ada:%C3%A9t%C3%A9@h:1/x?sslmode=disable',
  ])('%s means what node-postgres takes it for', (url) => {
    const ours = read(url);
    const theirs = new pg.Client({ connectionString: url });
    expect({ user: ours.user, password: ours.password?.reveal() ?? '', database: ours.database }).toEqual({
      user: theirs.user,
      password: theirs.password ?? '',
      database: theirs.database,
    });
  });

  it('takes libpq’s settings', () => {
    expect(
      read(
        'postgres://u@h/d?sslmode=verify-ca&sslrootcert=/ca&sslcert=/c&sslkey=/k&sslnegotiation=direct' +
          '&channel_binding=require&target_session_attrs=read-write&connect_timeout=7',
      ),
    ).toMatchObject({
      sslMode: 'verify-ca',
      sslRootCert: '/ca',
      sslCert: '/c',
      sslKey: '/k',
      directTls: true,
      channelBinding: 'require',
      sessionAttributes: 'read-write',
      connectTimeoutMs: 7000,
    });
    expect(read('postgres://u@h/d?connect_timeout=0').connectTimeoutMs).toBeNull();
  });

  it.each([
    ['http://h/d', /postgres:\/\//],
    ['hunter2', /postgres:\/\//],
    ['postgres://u:hunter2@h:99999/d', /port/],
    ['postgres://u:hunter2@h:x/d', /host/],
    ['postgres://u:hunter2@2001:db8::1/d', /brackets/],
    ['postgres://u:hunter2@[h]/d', /IPv6/],
    ['postgres://u:hunter2@h/d?sslmode=yes', /sslmode/],
    ['postgres://u:hunter2@h/d?channel_binding=maybe', /channel_binding/],
    ['postgres://u:hunter2@h/d?target_session_attrs=any2', /target_session_attrs/],
    ['postgres://u:hunter2@h/d?connect_timeout=soon', /connect_timeout/],
    ['postgres://u:hunter2@h/d?colour=red', /colour/],
    ['postgres://u:hunter2@h/d?password', /without a value/],
    ['postgres://u:hunter2%zz@h/d', /%/],
    ['postgres://u:hunter2@a,b/d?port=1,2,3', /2 hosts and 3 ports/],
  ])('%s is refused, naming the setting and showing no secret', (url, message) => {
    expect(() => read(url)).toThrow(message);
    expect(() => read(url)).toThrow(/^engine\.url /);
    expect(() => read(url)).not.toThrow(/hunter2/);
    expect(() => read(url)).toThrow(expect.objectContaining({ code: 'config.invalid' }));
  });
});
