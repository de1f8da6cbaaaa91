import { describe, expect, it } from 'vitest';
import { takeInheritedSockets } from '../../../src/main/life/inherited-sockets.ts';

const FOR_ME = { LISTEN_PID: '7' };

describe('sockets of the service manager', () => {
  it.each([
    ['none', {}, {}],
    ['another process’s', { LISTEN_PID: '8', LISTEN_FDS: '1' }, {}],
    ['no number of them', { ...FOR_ME }, {}],
    ['zero', { ...FOR_ME, LISTEN_FDS: '0' }, {}],
    ['one without a name', { ...FOR_ME, LISTEN_FDS: '1' }, { postgres: 3 }],
    [
      'one named after its unit',
      { ...FOR_ME, LISTEN_FDS: '1', LISTEN_FDNAMES: 'patgate.socket' },
      { postgres: 3 },
    ],
    ['one for HTTP only', { ...FOR_ME, LISTEN_FDS: '1', LISTEN_FDNAMES: 'http' }, { http: 3 }],
    [
      'all, in any order',
      { ...FOR_ME, LISTEN_FDS: '3', LISTEN_FDNAMES: 'metrics:postgres:http' },
      { metrics: 3, postgres: 4, http: 5 },
    ],
  ])('%s', (_, environment, expected) => {
    const given: Record<string, string | undefined> = { ...environment, PATH: '/bin' };
    expect(takeInheritedSockets(given, 7)).toEqual(expected);
    expect(given).toEqual({ PATH: '/bin' });
  });

  it.each([
    [{ LISTEN_FDS: 'many' }, 'LISTEN_FDS is no number: many'],
    [{ LISTEN_FDS: '2' }, 'a socket is named ""'],
    [{ LISTEN_FDS: '2', LISTEN_FDNAMES: 'postgres:web' }, 'a socket is named "web"'],
    [{ LISTEN_FDS: '2', LISTEN_FDNAMES: 'http:http' }, 'two sockets are named http'],
  ])('%o is refused', (environment, message) => {
    expect(() => takeInheritedSockets({ ...FOR_ME, ...environment }, 7)).toThrow(message);
  });
});
