import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { get as httpsGet } from 'node:https';
import { connect } from 'node:net';
import path from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { variableOf } from '../../src/config/names.ts';
import { developmentTls, type DevelopmentTls } from '../../src/tls/development.ts';
import { workersOf } from '../support/child.ts';
import { describeWith } from '../support/clients.ts';
import { eventually } from '../support/eventually.ts';
import { asAdmin, createRole, dropRole, urlAs, type TestRole } from '../support/database.ts';
import { prepareGround, type GatewayGround, type TestUser } from '../support/gateway.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { queryOne } from '../support/query.ts';
import { openSession, ping, type OpenSession } from '../support/session.ts';
import { makeDirectory } from '../support/temporary.ts';

/** Polls, for as long as a busy machine may need. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 20_000, interval: 20 });

const RELOADED = 'reloaded: settings, certificates and engine credentials';
const REFUSED = 'configuration not reloaded';

/** What is read again by SIGHUP besides settings, on a gateway that serves HTTP by TLS, too. */
describe.each(['1', '2'])('a reload, workers = %s', (workers) => {
  let directory: string;
  let ground: GatewayGround;
  let gateway: GatewayProcess;
  let role: TestRole;
  let ada: TestUser;
  let session: OpenSession;
  let first: DevelopmentTls;
  let second: DevelopmentTls;
  /** Where certificates are renewed in place. */
  let live: { readonly certFile: string; readonly keyFile: string };
  const config = () => path.join(directory, 'patgate.toml');

  interface Written {
    readonly tls: { readonly certFile: string; readonly keyFile: string };
    readonly enginePassword: string;
    readonly level: string;
    readonly grace: string;
  }
  let written: Written;

  async function write(changes: Partial<Written>): Promise<void> {
    written = { ...written, ...changes };
    const { tls, enginePassword, level, grace } = written;
    const url = urlAs(ground.engine.url, { ...role, password: '' });
    await writeFile(
      config(),
      `[tls]\ncert_file = "${tls.certFile}"\nkey_file = "${tls.keyFile}"\n` +
        `[engine]\nurl = "${url}"\npassword = "${enginePassword}"\n[pool]\nreuse = "off"\n` +
        `[log]\nlevel = "${level}"\n[shutdown]\ngrace = "${grace}"\n`,
    );
  }

  async function reload(until = RELOADED): Promise<void> {
    const before = gateway.logged().length;
    await gateway.reload();
    await soon(() => gateway.logged().slice(before)).toContainEqual(
      expect.objectContaining({ msg: until }) as object,
    );
  }

  async function putInPlace({ certFile, keyFile }: DevelopmentTls): Promise<void> {
    await copyFile(certFile, live.certFile);
    await copyFile(keyFile, live.keyFile);
  }

  beforeAll(async () => {
    directory = await makeDirectory();
    const options = { names: ['localhost', '127.0.0.1'], now: new Date() };
    first = await developmentTls(path.join(directory, 'first'), options);
    second = await developmentTls(path.join(directory, 'second'), options);
    live = { certFile: path.join(directory, 'live.crt'), keyFile: path.join(directory, 'live.key') };
    await putInPlace(first);
    const prepared = await prepareGround({ workers, config: config(), 'listen.http': '0.0.0.0:0' });
    const {
      [variableOf('engine.url')]: _url,
      [variableOf('log.level')]: _level,
      ...environment
    } = prepared.environment;
    ground = { ...prepared, environment };
    role = await createRole('engine');
    written = { tls: live, enginePassword: role.password, level: 'info', grace: '10min' };
    await write({});
    gateway = await startGatewayProcess({}, ground);
    ada = await gateway.addUser('ada');
    session = await openSession(withCa(await readFile(first.caFile)));
  });

  afterAll(async () => {
    await session.client.end();
    await gateway.stop();
    await ground.drop();
    await dropRole(role);
    await rm(directory, { recursive: true });
  });

  function withCa(ca: Buffer): pg.ClientConfig {
    const { host, port, engine } = gateway;
    const ssl = { ca, servername: 'localhost' };
    return { host, port, user: ada.name, password: ada.password, database: engine.name, ssl };
  }

  /** @returns once a client of SQL and one of HTTP trusts what it is shown; throws why it does not */
  async function trusted({ caFile }: DevelopmentTls): Promise<void> {
    const ca = await readFile(caFile);
    const { client } = await openSession(withCa(ca));
    await client.end();
    const { port } = new URL(gateway.info.http?.url ?? '');
    const request = httpsGet({ host: '127.0.0.1', port, path: '/healthz', ca, agent: false });
    const [answer] = (await once(request, 'response')) as [NodeJS.ReadableStream & { statusCode: number }];
    answer.resume();
    expect(answer.statusCode).toBe(200);
  }

  const DISTRUST = /certificate|signature/;

  test('takes certificates that were renewed in place, and those of other names, and drops no session', async () => {
    await trusted(first);
    await putInPlace(second);
    await trusted(first);
    await reload();
    await trusted(second);
    await expect(trusted(first)).rejects.toThrow(DISTRUST);
    await write({ tls: first });
    await reload();
    await trusted(first);
    await expect(trusted(second)).rejects.toThrow(DISTRUST);
    expect(await ping(session.client)).toBe(1);
  });

  test('keeps the certificates that it has when others cannot be used, and drops no session', async () => {
    await write({ tls: live });
    await putInPlace(first);
    await reload();
    await copyFile(second.keyFile, live.keyFile);
    await reload(REFUSED);
    expect(gateway.logged().findLast(({ msg }) => msg === REFUSED)?.['problem']).toContain(live.keyFile);
    await trusted(first);
    expect(await ping(session.client)).toBe(1);
    await putInPlace(first);
    await reload();
  });

  if (workers !== '1') {
    describeWith('linux', 'and a worker that dies', () => {
      test('is replaced by one with what was taken over', async () => {
        await putInPlace(first);
        await write({ tls: second });
        await reload();
        const other = await openSession(withCa(await readFile(second.caFile)));
        for (const pid of workersOf(gateway.pid)) process.kill(pid, 'SIGKILL');
        await Promise.all([session.ended, other.ended]);
        // Who comes while a worker dies may be closed, but never left without an answer.
        await eventually(() => trusted(second));
        session = await openSession(withCa(await readFile(second.caFile)));
        await write({ tls: first });
        await reload();
      });
    });
  }

  test('takes the password of the engine that the file has now', async () => {
    await asAdmin(`ALTER ROLE ${role.name} PASSWORD 'another'`);
    await write({ tls: first });
    await reload();
    await expect(trusted(first)).rejects.toMatchObject({ code: '08004' });
    await write({ enginePassword: 'another' });
    await reload();
    await trusted(first);
    expect(await ping(session.client)).toBe(1);
  });

  test('changes what is logged, in every process', async () => {
    const left = () => gateway.logged().filter(({ msg }) => msg === 'connection closed before login').length;
    const scan = async () => {
      const socket = connect({ port: gateway.port, host: '127.0.0.1' });
      socket.end('GET / HTTP/1.0\r\n\r\n').resume();
      await once(socket, 'close');
    };
    await scan();
    await trusted(first);
    expect(left()).toBe(0);
    await write({ level: 'debug' });
    await reload();
    await scan();
    await soon(left).toBe(1);
    await write({ level: 'info' });
    await reload();
    await scan();
    await trusted(first);
    expect(left()).toBe(1);
  });

  // The last one: it ends the gateway.
  test('changes the grace of a stop', async () => {
    await write({ grace: '200ms' });
    await reload();
    const refused = expect(session.client.query('SELECT pg_sleep(60)')).rejects.toMatchObject({
      code: '57014',
    });
    const sleepers = `SELECT count(*)::int FROM pg_stat_activity WHERE datname = '${ground.engine.name}' AND wait_event = 'PgSleep'`;
    await soon(() => queryOne(ground.engine.url, sleepers)).toBe(1);
    const exited = gateway.end('SIGTERM');
    await refused;
    expect(await exited).toBe(0);
  });
});
