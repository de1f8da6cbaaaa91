import { describe, expect, it } from 'vitest';
import { StoreServers } from '../../../src/store/servers.ts';

describe('the servers of a URL', () => {
  it.each([
    ['postgres://u:p@h:1/d?sslmode=require', 'any', ['postgres://u:p@h:1/d?sslmode=require']],
    ['postgres:///d?host=/tmp/s&port=5', 'any', ['postgres:///d?host=/tmp/s&port=5']],
    ['postgres://u:p@a:1,b:2/d', 'read-write', ['postgres://u:p@a:1/d', 'postgres://u:p@b:2/d']],
    [
      'postgresql://u:p%40@a,[::1]:2/d?target_session_attrs=primary&sslmode=disable',
      'primary',
      ['postgresql://u:p%40@a/d?sslmode=disable', 'postgresql://u:p%40@[::1]:2/d?sslmode=disable'],
    ],
    ['postgres://a:1,b:2?target_session_attrs=any', 'any', ['postgres://a:1', 'postgres://b:2']],
    ['postgres://h/d?target_session_attrs=read-write', 'read-write', ['postgres://h/d']],
    [
      'postgres:///d?host=a,b&port=1,2&user=u',
      'read-write',
      ['postgres:///d?host=a&port=1&user=u', 'postgres:///d?host=b&port=2&user=u'],
    ],
    [
      'postgres:///d?host=a,b&port=7',
      'read-write',
      ['postgres:///d?host=a&port=7', 'postgres:///d?host=b&port=7'],
    ],
  ])('%s', (url, attributes, urls) => {
    const servers = new StoreServers(url);
    expect(servers.attributes).toBe(attributes);
    expect(servers.urls).toEqual(urls);
  });
});

it('goes on to the next, once however many say so, and comes round', () => {
  const servers = new StoreServers('postgres://a,b,c/d');
  servers.leave(0);
  servers.leave(0);
  expect(servers.current).toBe(1);
  servers.leave(1);
  // Somebody who was slow to notice does not send the others back.
  servers.leave(0);
  expect(servers.current).toBe(2);
  servers.leave(2);
  expect(servers.urlOf(servers.current)).toBe('postgres://a/d');
});
