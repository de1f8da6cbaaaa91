import fc from 'fast-check';
import { serialize } from 'pg-protocol';
import { Parser } from 'pg-protocol/dist/parser.js';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import { encodeBackend, encodeErrorVersion2, type BackendMessage } from '../../../src/wire/backend.ts';
import { decodeFirstPacket } from '../../../src/wire/startup.ts';
import { encodeFrontend } from '../../../src/wire/frontend.ts';

/** What node-postgres makes of the bytes. */
function parsed(...messages: BackendMessage[]): unknown[] {
  const seen: unknown[] = [];
  new Parser().parse(Buffer.concat(messages.map(encodeBackend)), (message) => seen.push(message));
  return seen;
}

/** Text that can stand in the protocol's String. */
const string = fc.string({ unit: 'binary', maxLength: 60 }).map((value) => value.replaceAll('\0', ''));
const name = string.filter((value) => value !== '');

describe('backend messages, as pg-protocol reads them', () => {
  test('authentication', () => {
    expect(
      parsed(
        { kind: 'authenticationOk' },
        { kind: 'authenticationCleartextPassword' },
        { kind: 'authenticationSASL', mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'] },
        { kind: 'authenticationSASLContinue', data: Buffer.from('r=x,s=y,i=4096') },
        { kind: 'authenticationSASLFinal', data: Buffer.from('v=z') },
      ),
    ).toMatchObject([
      { name: 'authenticationOk', length: 8 },
      { name: 'authenticationCleartextPassword', length: 8 },
      { name: 'authenticationSASL', mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'] },
      { name: 'authenticationSASLContinue', data: 'r=x,s=y,i=4096' },
      { name: 'authenticationSASLFinal', data: 'v=z' },
    ]);
  });

  test('what follows it', () => {
    const key = Buffer.from('80000001', 'hex');
    expect(
      parsed(
        { kind: 'parameterStatus', name: 'TimeZone', value: 'Europe/Zürich' },
        { kind: 'backendKeyData', processId: 4711, key },
        { kind: 'readyForQuery', status: 'I' },
      ),
    ).toMatchObject([
      { name: 'parameterStatus', parameterName: 'TimeZone', parameterValue: 'Europe/Zürich' },
      { name: 'backendKeyData', processID: 4711, secretKey: key.readInt32BE() },
      { name: 'readyForQuery', status: 'I', length: 5 },
    ]);
  });

  test('errors and notices carry every field', () => {
    const report = { sqlState: '28P01', message: 'no', detail: 'why', hint: 'how' } as const;
    const fields = { code: '28P01', message: 'no', detail: 'why', hint: 'how' };
    expect(
      parsed(
        { kind: 'errorResponse', fault: { severity: 'FATAL', ...report } },
        { kind: 'noticeResponse', notice: { severity: 'WARNING', ...report } },
      ),
    ).toMatchObject([
      { name: 'error', severity: 'FATAL', ...fields },
      { name: 'notice', severity: 'WARNING', ...fields },
    ]);
  });

  test('any text in an error comes out as it went in, but for NUL', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (message) => {
        const fault = { severity: 'ERROR', sqlState: '08P01', message } as const;
        const [seen] = parsed({ kind: 'errorResponse', fault });
        expect(seen).toMatchObject({ message: message.replaceAll('\0', '\uFFFD'), severity: 'ERROR' });
      }),
    );
  });

  test.each([
    ['one byte', 'x'],
    ['two bytes', 'ü'],
    ['three bytes', '€'],
    ['four bytes', '🐘'],
  ])(
    'an error made of characters of %s stays below libpq’s 30,000 bytes, without half a character',
    (_n, char) => {
      const long = char.repeat(40_000);
      const fault = {
        severity: 'FATAL',
        sqlState: '28000',
        message: long,
        detail: long,
        hint: long,
      } as const;
      const bytes = encodeBackend({ kind: 'errorResponse', fault });
      expect(bytes.length).toBeLessThan(30_000);
      const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(5));
      expect(text.split('\0').filter((field) => field.startsWith(`M${char}`))).toHaveLength(1);
    },
  );

  test('NegotiateProtocolVersion and long keys, which pg-protocol does not know', () => {
    const hex = (message: BackendMessage): string => encodeBackend(message).toString('hex');
    expect(hex({ kind: 'negotiateProtocolVersion', minor: 2, unknownOptions: ['_pq_.a'] })).toBe(
      `76000000130003000200000001${Buffer.from('_pq_.a\0').toString('hex')}`,
    );
    expect(hex({ kind: 'backendKeyData', processId: 1, key: Buffer.alloc(32, 7) })).toBe(
      `4b0000002800000001${'07'.repeat(32)}`,
    );
  });

  test('a string with a NUL is a mistake, not another field', () => {
    expect(() => encodeBackend({ kind: 'parameterStatus', name: 'a\0b', value: '' })).toThrow(TypeError);
  });

  test('an error of protocol 2', () => {
    const fault = { severity: 'FATAL', sqlState: '0A000', message: 'no\0way' } as const;
    expect(encodeErrorVersion2(fault).toString()).toBe('EFATAL:  no\uFFFDway\n\0');
  });
});

describe('frontend messages, as pg-protocol writes them', () => {
  test('fixed ones', () => {
    expect(encodeFrontend({ kind: 'sslRequest' })).toEqual(serialize.requestSsl());
    expect(encodeFrontend({ kind: 'terminate' })).toEqual(serialize.end());
  });

  test('password, query, SASL', () => {
    fc.assert(
      fc.property(string, name, (data, mechanism) => {
        expect(encodeFrontend({ kind: 'password', password: new Secret(data) })).toEqual(
          serialize.password(data),
        );
        expect(encodeFrontend({ kind: 'query', sql: data })).toEqual(serialize.query(data));
        const bytes = Buffer.from(data);
        expect(encodeFrontend({ kind: 'saslInitialResponse', mechanism, data: bytes })).toEqual(
          serialize.sendSASLInitialResponseMessage(mechanism, data),
        );
        expect(encodeFrontend({ kind: 'saslResponse', data: bytes })).toEqual(
          serialize.sendSCRAMClientFinalMessage(data),
        );
      }),
    );
  });

  test('a short cancel request', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (processId, secret) => {
        const key = Buffer.alloc(4);
        key.writeInt32BE(secret);
        expect(encodeFrontend({ kind: 'cancelRequest', processId, key })).toEqual(
          serialize.cancel(processId, secret),
        );
      }),
    );
  });

  test('a start-up message, but for the client_encoding that pg-protocol adds', () => {
    const ours = encodeFrontend({
      kind: 'startup',
      minor: 0,
      user: 'ada',
      database: 'sales',
      parameters: [
        { name: 'application_name', value: Buffer.from('psql') },
        { name: 'client_encoding', value: Buffer.from('UTF8') },
      ],
    });
    const theirs = serialize.startup({ user: 'ada', database: 'sales', application_name: 'psql' });
    expect(ours).toEqual(theirs);
  });

  test('a start-up message is read back as it was meant', () => {
    const parameter = fc.record({
      name: name.filter((value) => !/^(user|database|_pq_\..*)$/s.test(value)),
      value: fc.uint8Array({ min: 1, max: 255 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(
        name,
        name,
        fc.array(parameter),
        fc.constantFrom(0, 2),
        (user, database, parameters, minor) => {
          const bytes = encodeFrontend({ kind: 'startup', minor, user, database, parameters });
          expect(bytes.readInt32BE()).toBe(bytes.length);
          expect(decodeFirstPacket(bytes.subarray(4))).toEqual({
            ...{ kind: 'startup', protocol: { major: 3, minor }, user, database },
            ...{ parameters, protocolOptions: [] },
          });
        },
      ),
    );
  });

  test.each(['user', 'database', '_pq_.x', 'USER', 'Database', '_PQ_.x', ''])(
    'a client’s parameter named %j is never passed on',
    (bad) => {
      const parameters = [{ name: bad, value: Buffer.from('postgres') }];
      const message = { kind: 'startup', minor: 0, user: 'ada', database: 'sales', parameters } as const;
      expect(() => encodeFrontend(message)).toThrow(TypeError);
    },
  );

  test.each(['ada\0database', ''.padEnd(3, '\0')])('a user name of %j is a mistake', (user) => {
    const message = { kind: 'startup', minor: 0, user, database: 'sales', parameters: [] } as const;
    expect(() => encodeFrontend(message)).toThrow(TypeError);
  });
});
