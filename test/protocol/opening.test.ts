import { describe, expect, test } from 'vitest';
import { endPointHash } from '../../src/tls/end-point-hash.ts';
import { openDoor, until } from './door.ts';
import {
  ADA,
  cancelRequest,
  errorFields,
  GSSENC_REQUEST,
  int32,
  password,
  SSL_REQUEST,
  startup,
  text,
  untyped,
} from './packets.ts';
import { rawClient, tlsClient } from './raw-client.ts';

const ALPN = { ALPNProtocols: ['postgresql'] };

describe('TLS', () => {
  test.each([
    ['pausing on connect', true],
    ['reading on connect', false],
  ])('SSLRequest, handshake, start-up (%s)', async (_name, pauseOnConnect) => {
    const door = await openDoor({ pauseOnConnect });
    const plain = await rawClient(door);
    await plain.send(SSL_REQUEST);
    expect(await plain.read(1)).toEqual(Buffer.from('S'));
    const client = await tlsClient(door, plain.socket, { servername: 'localhost' });
    await client.send(ADA, password('secret'));
    const session = await door.session();
    expect(session.startup).toMatchObject({ user: 'ada', database: 'sales' });
    const { certificate } = door.tls.current();
    expect(session.tls).toEqual({
      protocol: client.socket.getProtocol(),
      endPointHash: endPointHash(certificate.raw),
      serverName: 'localhost',
    });
    expect(session.transport.encrypted).toBe(true);
    expect(session.peer).toEqual({ address: '127.0.0.1', port: plain.socket.localPort, proxied: false });
    expect((await session.reader.next())?.body).toEqual(text('secret'));
    session.transport.write(Buffer.from('hello'));
    expect((await client.read(5)).toString()).toBe('hello');
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('direct with ALPN, by %s', async (version) => {
    const door = await openDoor();
    const client = await tlsClient(door, null, { ...ALPN, minVersion: version, maxVersion: version });
    expect(client.socket.alpnProtocol).toBe('postgresql');
    await client.send(ADA);
    const session = await door.session();
    expect(session.tls).toMatchObject({ protocol: version, serverName: null });
  });

  test('direct without ALPN is closed', async () => {
    const door = await openDoor();
    const client = await tlsClient(door, null, {});
    expect(await door.next()).toBeNull();
    expect(await client.rest()).toEqual(Buffer.alloc(0));
    expect(door.refusals).toMatchObject([{ error: { code: 'wire.malformed' } }]);
  });

  test.each([
    ['direct', false],
    ['after SSLRequest', true],
  ])('%s with another protocol’s ALPN fails in the handshake', async (_name, ask) => {
    const door = await openDoor();
    const plain = ask ? await rawClient(door) : null;
    await plain?.send(SSL_REQUEST);
    await plain?.read(1);
    await expect(tlsClient(door, plain?.socket ?? null, { ALPNProtocols: ['http/1.1'] })).rejects.toThrow();
    expect(await door.next()).toBeNull();
    expect(door.refusals).toMatchObject([{ error: { code: 'wire.tls_handshake' } }]);
  });

  test('TLS 1.1 is not spoken', async () => {
    const door = await openDoor();
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(tlsClient(door, null, { ...ALPN, ...old })).rejects.toThrow();
    expect(await door.next()).toBeNull();
  });

  test('a client of TLS 1.2 cannot renegotiate', async () => {
    const door = await openDoor();
    const client = await tlsClient(door, null, { ...ALPN, maxVersion: 'TLSv1.2' });
    await client.send(ADA);
    const session = await door.session();
    const pending = session.reader.next();
    const failure = await new Promise((resolve) => {
      client.socket.once('error', resolve);
      client.socket.renegotiate({}, resolve);
    });
    expect(failure).toMatchObject({ code: 'ERR_SSL_NO_RENEGOTIATION' });
    client.socket.destroy();
    expect(await pending).toBeNull();
  });

  test('a session is resumed while the certificate is the same, and not after a reload', async () => {
    const door = await openDoor();
    const first = await tlsClient(door, null, { ...ALPN, maxVersion: 'TLSv1.2' });
    const ticket = first.socket.getSession();
    if (ticket === undefined) throw new Error('no session');
    const again = { ...ALPN, maxVersion: 'TLSv1.2' as const, session: ticket };
    expect((await tlsClient(door, null, again)).socket.isSessionReused()).toBe(true);
    await door.tls.reload();
    expect((await tlsClient(door, null, again)).socket.isSessionReused()).toBe(false);
  });

  test.each([
    ['SSLRequest', SSL_REQUEST, '5679'],
    ['GSSENCRequest', GSSENC_REQUEST, '5680'],
  ])('%s inside TLS is 0A000', async (_name, request, minor) => {
    const door = await openDoor();
    const client = await tlsClient(door, null, ALPN);
    await client.send(request);
    expect(errorFields(await client.rest())).toMatchObject({
      C: '0A000',
      M: `unsupported frontend protocol 1234.${minor}: server supports 3.0 to 3.2`,
    });
    expect(await door.next()).toBeNull();
  });

  test('bytes that are no TLS after the handshake end the connection', async () => {
    const door = await openDoor();
    const plain = await rawClient(door);
    await plain.send(SSL_REQUEST);
    await plain.read(1);
    const client = await tlsClient(door, plain.socket, {});
    await client.send(ADA);
    const session = await door.session();
    const pending = session.reader.next();
    await plain.send(Buffer.from('17030300400000', 'hex'), Buffer.alloc(64));
    expect(await pending).toBeNull();
    await until(() => session.transport.closed);
  });
});

describe('requests in the clear', () => {
  test('GSSENCRequest: N, then SSLRequest on the same connection', async () => {
    const door = await openDoor();
    const plain = await rawClient(door);
    await plain.send(GSSENC_REQUEST);
    expect(await plain.read(1)).toEqual(Buffer.from('N'));
    await plain.send(SSL_REQUEST);
    expect(await plain.read(1)).toEqual(Buffer.from('S'));
    const client = await tlsClient(door, plain.socket, {});
    await client.send(ADA);
    expect((await door.session()).startup.user).toBe('ada');
  });

  test('TLS off: N to both requests, in either order, then a start-up in the clear', async () => {
    const door = await openDoor({ tlsMode: 'off', tls: null });
    for (const requests of [
      [SSL_REQUEST, GSSENC_REQUEST],
      [GSSENC_REQUEST, SSL_REQUEST],
    ]) {
      const client = await rawClient(door);
      for (const request of requests) {
        await client.send(request);
        expect(await client.read(1)).toEqual(Buffer.from('N'));
      }
      await client.send(ADA);
      expect(await door.session()).toMatchObject({ startup: { user: 'ada' }, tls: null });
    }
  });

  test.each([
    ['SSLRequest', SSL_REQUEST, '1234.5679'],
    ['GSSENCRequest', GSSENC_REQUEST, '1234.5680'],
  ])('%s twice is 0A000', async (_name, request, version) => {
    const door = await openDoor({ tlsMode: 'off', tls: null });
    const client = await rawClient(door);
    await client.send(request);
    await client.read(1);
    await client.send(request);
    expect(errorFields(await client.rest())).toMatchObject({
      S: 'FATAL',
      C: '0A000',
      M: `unsupported frontend protocol ${version}: server supports 3.0 to 3.2`,
    });
  });

  test.each([
    ['SSLRequest', SSL_REQUEST, 'require', 'received unencrypted data after SSL request'],
    ['SSLRequest, TLS off', SSL_REQUEST, 'off', 'received unencrypted data after SSL request'],
    ['GSSENCRequest', GSSENC_REQUEST, 'require', 'received unencrypted data after GSSAPI encryption request'],
  ] as const)('bytes in one segment with %s (CVE-2021-23214)', async (_name, request, tlsMode, message) => {
    const door = await openDoor({ tlsMode });
    const client = await rawClient(door);
    await client.send(request, ADA);
    expect(errorFields(await client.rest())).toMatchObject({ S: 'FATAL', C: '08P01', M: message });
    expect(await door.next()).toBeNull();
    expect(door.refusals).toMatchObject([{ error: { code: 'wire.plaintext_behind_ssl_request' } }]);
  });

  test('not even a hello may come in one segment with SSLRequest', async () => {
    const door = await openDoor();
    const client = await rawClient(door);
    await client.send(SSL_REQUEST, Buffer.from('16030100800100', 'hex'));
    expect(errorFields(await client.rest())).toMatchObject({ C: '08P01' });
    expect(await door.next()).toBeNull();
  });

  test('bytes behind SSLRequest, before the hello (CVE-2021-23214)', async () => {
    const door = await openDoor();
    const client = await rawClient(door);
    await client.send(SSL_REQUEST);
    await client.read(1);
    await client.send(ADA);
    expect(errorFields(await client.rest())).toMatchObject({ C: '08P01' });
    expect(await door.next()).toBeNull();
  });

  test('a start-up without TLS is refused before any secret is asked for, and says how to go on', async () => {
    const door = await openDoor();
    const client = await rawClient(door);
    await client.send(ADA, password('secret'));
    const fields = errorFields(await client.rest());
    expect(fields).toMatchObject({ S: 'FATAL', V: 'FATAL', C: '28000' });
    expect(fields['M']).toContain('sslmode=require');
    expect(await door.next()).toBeNull();
    expect(door.refusals).toMatchObject([{ user: 'ada', error: { code: 'login.tls_required' } }]);
  });

  test('a start-up without TLS is let in where TLS is only preferred', async () => {
    const door = await openDoor({ tlsMode: 'prefer' });
    const client = await rawClient(door);
    await client.send(ADA);
    expect(await door.session()).toMatchObject({ tls: null, transport: { encrypted: false } });
  });

  test('a direct handshake while TLS is off is closed', async () => {
    const door = await openDoor({ tlsMode: 'off', tls: null });
    await expect(tlsClient(door, null, ALPN)).rejects.toThrow();
    expect(await door.next()).toBeNull();
  });
});

describe('CancelRequest', () => {
  test.each([4, 32, 256])(
    'in the clear with a key of %d bytes, answered by closing alone',
    async (length) => {
      const door = await openDoor();
      const client = await rawClient(door);
      const key = Buffer.alloc(length, 0xa5);
      await client.send(cancelRequest(4711, key));
      const outcome = await door.next();
      if (outcome?.kind !== 'cancel') throw new Error('no cancel');
      expect(outcome).toMatchObject({ processId: 4711, key, peer: { address: '127.0.0.1' } });
      expect(client.socket.readableEnded).toBe(false);
      outcome.close();
      expect(await client.rest()).toEqual(Buffer.alloc(0));
    },
  );

  test('over TLS', async () => {
    const door = await openDoor();
    const client = await tlsClient(door, null, ALPN);
    await client.send(cancelRequest(1, Buffer.alloc(32, 1)));
    const outcome = await door.next();
    if (outcome?.kind !== 'cancel') throw new Error('no cancel');
    outcome.close();
    expect(await client.rest()).toEqual(Buffer.alloc(0));
  });

  test.each([0, 3, 257])('a key of %d bytes is malformed', async (length) => {
    const door = await openDoor();
    const client = await rawClient(door);
    await client.send(cancelRequest(1, Buffer.alloc(length)));
    expect(errorFields(await client.rest())).toMatchObject({ C: '08P01' });
    expect(await door.next()).toBeNull();
  });
});

describe('protocol versions', () => {
  const user = { user: 'ada' };
  test.each<[string, number, Record<string, string>, 0 | 2, string]>([
    ['3.0', 0x3_0000, user, 0, ''],
    ['3.1, which no release speaks', 0x3_0001, user, 0, ''],
    ['3.2', 0x3_0002, user, 2, ''],
    ['3.3', 0x3_0003, user, 2, '760000000c 00030002 00000000'],
    [
      '3.9999 with an option',
      0x3_270f,
      { '_pq_.x': '1', ...user },
      2,
      '7600000013 00030002 00000001 5f70715f2e7800',
    ],
    [
      '3.0 with two options',
      0x3_0000,
      { ...user, '_pq_.x': '', '_pq_.y': '' },
      0,
      '760000001a 00030000 00000002 5f70715f2e7800 5f70715f2e7900',
    ],
    [
      '3.2 with an option',
      0x3_0002,
      { ...user, '_pq_.x': '' },
      2,
      '7600000013 00030002 00000001 5f70715f2e7800',
    ],
    [
      '3.1 with an option',
      0x3_0001,
      { ...user, '_pq_.x': '' },
      0,
      '7600000013 00030000 00000001 5f70715f2e7800',
    ],
  ])('%s', async (_name, version, parameters, minor, hex) => {
    const door = await openDoor({ tlsMode: 'off', tls: null });
    const client = await rawClient(door);
    await client.send(startup(version, parameters));
    const session = await door.session();
    expect(session.minor).toBe(minor);
    expect(session.preface.toString('hex')).toBe(hex.replaceAll(' ', ''));
    expect(session.startup.parameters).toEqual([]);
  });

  test('2.0 gets an error that protocol 2 can show', async () => {
    const door = await openDoor();
    const client = await rawClient(door);
    await client.send(untyped(int32(0x2_0000), Buffer.alloc(292)));
    expect((await client.rest()).toString()).toBe(
      'EFATAL:  unsupported frontend protocol 2.0: server supports 3.0 to 3.2\n\0',
    );
    expect(door.refusals).toMatchObject([{ error: { code: 'wire.unsupported_protocol' } }]);
  });

  test('4.0 gets an error of protocol 3', async () => {
    const door = await openDoor();
    const client = await rawClient(door);
    await client.send(startup(0x4_0000, user));
    expect(errorFields(await client.rest())).toMatchObject({ C: '0A000' });
  });
});

describe('start-up messages', () => {
  test.each([
    [
      'no user',
      startup(0x3_0000, { database: 'sales' }),
      '28000',
      'no PostgreSQL user name specified in startup packet',
    ],
    [
      'no terminator',
      untyped(int32(0x3_0000), text('user'), text('ada')),
      '08P01',
      'start-up parameter name is not terminated',
    ],
  ])('%s', async (_name, packet, C, M) => {
    const door = await openDoor({ tlsMode: 'prefer' });
    const client = await rawClient(door);
    await client.send(packet);
    expect(errorFields(await client.rest())).toMatchObject({ S: 'FATAL', C, M });
    expect(await door.next()).toBeNull();
  });

  test.each([
    ['of length 0', int32(0)],
    ['of length 7', Buffer.concat([int32(7), Buffer.alloc(3)])],
    ['of length 10,005', Buffer.concat([int32(10_005), ADA])],
    ['of length 2^31-1', int32(0x7fff_ffff)],
    ['of length -1', int32(-1)],
    ['that is HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['that is SSH', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
  ])('a first packet %s is closed without a word', async (_name, bytes) => {
    for (const over of ['clear', 'tls'] as const) {
      const door = await openDoor({ tlsMode: 'prefer' });
      const client = over === 'tls' ? await tlsClient(door, null, ALPN) : await rawClient(door);
      await client.send(bytes);
      expect(await client.rest()).toEqual(Buffer.alloc(0));
      expect(await door.next()).toBeNull();
      expect(door.refusals).toMatchObject([{ error: { code: 'wire.malformed' } }]);
    }
  });

  test('the longest that PostgreSQL takes is taken', async () => {
    const door = await openDoor({ tlsMode: 'off', tls: null });
    const client = await rawClient(door);
    const filler = 'x'.repeat(10_004 - ADA.length - 3);
    const packet = untyped(ADA.subarray(4, -1), text('a'), text(filler), Buffer.of(0));
    expect(packet.length).toBe(10_004);
    await client.send(packet);
    expect((await door.session()).startup.parameters).toEqual([{ name: 'a', value: Buffer.from(filler) }]);
  });
});
