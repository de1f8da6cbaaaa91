import { describe, expect, it } from 'vitest';
import { addressBlock, isLoopback } from '../../../src/core/address.ts';
import { NetworkList } from '../../../src/core/networks.ts';
import { clientAddress } from '../../../src/http/address.ts';

const proxies = new NetworkList(['10.0.0.0/8', 'fd00::/8']);

describe('the client’s address', () => {
  it.each<[string, string | undefined, string | undefined, string | null]>([
    ['no socket', undefined, undefined, null],
    ['direct', '192.0.2.1', undefined, '192.0.2.1'],
    ['IPv4 in IPv6', '::ffff:192.0.2.1', undefined, '192.0.2.1'],
    ['a stranger’s claim is not believed', '192.0.2.1', '198.51.100.7', '192.0.2.1'],
    ['behind one proxy', '10.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['behind two', 'fd00::1', '198.51.100.7, 10.0.0.2', '198.51.100.7'],
    ['made-up hops further left', '10.0.0.1', '203.0.113.9, 198.51.100.7', '198.51.100.7'],
    ['with a port', '10.0.0.1', '198.51.100.7:40000', '198.51.100.7'],
    ['IPv6 in brackets', '10.0.0.1', '[2001:db8::7]', '2001:db8::7'],
    ['IPv6 with a port', '10.0.0.1', '[2001:db8::7]:40000, [fd00::2]:443', '2001:db8::7'],
    ['IPv4 in IPv6 from a proxy', '::ffff:10.0.0.1', '::ffff:198.51.100.7', '198.51.100.7'],
    ['nonsense from a proxy', '10.0.0.1', 'unknown', '10.0.0.1'],
  ])('%s', (_, peer, forwarded, address) => expect(clientAddress(peer, forwarded, proxies)).toBe(address));

  it('is never read from a header when no proxy is trusted', () => {
    expect(clientAddress('127.0.0.1', '198.51.100.7', null)).toBe('127.0.0.1');
  });
});

describe('who is held to a limit', () => {
  it('is an IPv4 address, or a whole IPv6 /64', () => {
    expect(addressBlock('192.0.2.1')).not.toBe(addressBlock('192.0.2.2'));
    expect(addressBlock('2001:db8:1:2::1')).toBe(addressBlock('2001:db8:1:2:ffff::9'));
    expect(addressBlock('2001:db8:1:2::1')).not.toBe(addressBlock('2001:db8:1:3::1'));
  });
});

describe('loopback', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.8.8.8', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['::', false],
    ['192.0.2.1', false],
    ['localhost.example.org', false],
  ])('%s: %s', (host, expected) => expect(isLoopback(host)).toBe(expected));
});
