import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { fatal } from '../../src/core/errors.ts';
import { farewell } from '../../src/session/farewell.ts';
import { encodeBackend } from '../../src/wire/backend.ts';
import { describeWith } from '../support/clients.ts';
import { openDoor, type Door, type DoorOptions } from './door.ts';

/** Says one recognisable thing to every session, after its own preface, and closes. */
async function greetingDoor(options: DoorOptions = {}): Promise<Door & { readonly seen: string[] }> {
  const door = await openDoor(options);
  const seen: string[] = [];
  const serve = async (): Promise<void> => {
    for (;;) {
      const outcome = await door.next();
      if (outcome?.kind !== 'session') continue;
      seen.push(`${outcome.startup.user} ${outcome.tls?.protocol ?? 'clear'}`);
      const fault = fatal('57P03', 'the door says hello');
      const words = [outcome.preface, encodeBackend({ kind: 'errorResponse', fault })];
      farewell(outcome.transport, Buffer.concat(words), { clock: systemClock });
    }
  };
  void serve();
  return { ...door, seen };
}

async function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const child = spawn(program, args, { env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  await new Promise((resolve) => child.once('close', resolve));
  return output;
}

describeWith('psql', 'libpq opens a connection', (psql) => {
  const connect = (door: Door, settings: string): Promise<string> =>
    run(psql, ['-w', '-c', 'select 1', `port=${door.port} user=ada dbname=sales ${settings}`]);

  test.each([
    ['host=localhost sslmode=require', 'require', 'ada TLSv1.3'],
    ['host=localhost sslmode=prefer', 'require', 'ada TLSv1.3'],
    ['host=localhost sslmode=require ssl_max_protocol_version=TLSv1.2', 'require', 'ada TLSv1.2'],
    ['host=127.0.0.1 sslmode=disable', 'off', 'ada clear'],
    ['host=127.0.0.1 sslmode=prefer', 'off', 'ada clear'],
    ['host=127.0.0.1 sslmode=prefer gssencmode=prefer', 'off', 'ada clear'],
  ] as const)('%s where TLS is %s', async (settings, tlsMode, seen) => {
    const door = await greetingDoor({ tlsMode });
    expect(await connect(door, settings)).toContain('the door says hello');
    expect(door.seen[0]).toBe(seen);
  });

  test.each(['localhost', '127.0.0.1'])(
    'sslmode=verify-full with the development authority, to %s',
    async (host) => {
      const door = await greetingDoor();
      const settings = `host=${host} sslmode=verify-full sslrootcert=${door.files.caFile}`;
      expect(await connect(door, settings)).toContain('the door says hello');
    },
  );

  test('sslmode=verify-full with another authority does not get through', async () => {
    const [door, other] = [await greetingDoor(), await openDoor()];
    const settings = `host=localhost sslmode=verify-full sslrootcert=${other.files.caFile}`;
    expect(await connect(door, settings)).toContain('certificate verify failed');
    expect(door.seen).toEqual([]);
  });

  test('sslmode=disable where TLS is required is told what to do', async () => {
    const door = await greetingDoor();
    const output = await connect(door, 'host=127.0.0.1 sslmode=disable');
    expect(output).toContain('FATAL:  this server accepts connections over TLS only: set sslmode=require');
  });

  test('sslmode=require where TLS is off', async () => {
    const door = await greetingDoor({ tlsMode: 'off' });
    expect(await connect(door, 'host=127.0.0.1 sslmode=require')).toContain('server does not support SSL');
  });
});

describeWith('jdbc', 'pgjdbc opens a connection', ({ java, jar }) => {
  const source = `
    import java.sql.DriverManager;
    public class Open {
      public static void main(String[] args) {
        try { DriverManager.getConnection(args[0], "ada", "secret"); }
        catch (java.sql.SQLException e) { System.out.println(e.getSQLState() + " " + e.getMessage()); }
      }
    }`;

  test('sslmode=verify-full with the development authority', async () => {
    const door = await greetingDoor();
    const file = join(dirname(door.files.caFile), 'Open.java');
    writeFileSync(file, source);
    const query = `sslmode=verify-full&sslrootcert=${door.files.caFile}`;
    const url = `jdbc:postgresql://localhost:${door.port}/sales?${query}`;
    expect(await run(java, ['-cp', jar, file, url])).toContain('57P03 FATAL: the door says hello');
    expect(door.seen).toEqual(['ada TLSv1.3']);
  });
});

describe('node-postgres opens a connection', () => {
  test('with the development authority', async () => {
    const door = await greetingDoor();
    const client = new pg.Client({
      ...{ host: 'localhost', port: door.port, user: 'ada', password: 'x', database: 'sales' },
      ssl: { ca: readFileSync(door.files.caFile, 'utf8') },
    });
    client.on('error', () => undefined);
    await expect(client.connect()).rejects.toMatchObject({ code: '57P03', message: 'the door says hello' });
    expect(door.seen).toEqual(['ada TLSv1.3']);
  });
});
