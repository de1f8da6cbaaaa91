import { execFile } from 'node:child_process';
import { chown, mkdir, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createLog } from '../../../src/core/log.ts';
import { ensureEmbedded, type Embedded } from '../../../src/embedded/embedded.ts';
import { freePort } from '../../../src/embedded/postmaster.ts';
import { processIdentity } from '../../../src/embedded/process.ts';
import { runScript, type Child } from '../../support/child.ts';
import { queryOne, withClient } from '../../support/query.ts';
import { makeDirectory, temporaryDirectory } from '../../support/temporary.ts';

// A first start takes seconds, and much longer on a machine that runs other tests beside it.
vi.setConfig({ testTimeout: 180_000 });

const asRoot = process.getuid?.() === 0;
const NOBODY = 65534;
const log = createLog('silent');

/** A data directory as a first start leaves it; tests work on copies. */
let prepared: string;
let opened: Embedded[] = [];
let children: Child[] = [];

beforeAll(async () => {
  prepared = await makeDirectory();
  await (await ensureEmbedded({ dataDir: prepared, log })).close();
});

afterAll(() => rm(prepared, { recursive: true }));

afterEach(async () => {
  for (const embedded of opened) await embedded.close();
  for (const child of children) await child.end();
  opened = [];
  children = [];
});

async function open(dataDir: string): Promise<Embedded> {
  const embedded = await ensureEmbedded({ dataDir, log });
  opened.push(embedded);
  return embedded;
}

async function openElsewhere(
  dataDir: string,
  uid?: number,
): Promise<{ child: Child; store: string; engine: string }> {
  const child = runScript('test/support/embedded-user.ts', [dataDir], uid === undefined ? {} : { uid });
  children.push(child);
  return { child, ...(JSON.parse(await child.line()) as { store: string; engine: string }) };
}

async function copyOfPrepared(): Promise<string> {
  const dataDir = await temporaryDirectory();
  await promisify(execFile)('cp', ['-a', `${prepared}/.`, dataDir]);
  return dataDir;
}

const inside = (dataDir: string, name: string) => path.join(dataDir, 'embedded', name);

async function postmasterPid(dataDir: string): Promise<number> {
  return Number.parseInt(await readFile(inside(dataDir, 'data/postmaster.pid'), 'utf8'), 10);
}

/** Waits for the end of a process that is not a child of ours. */
function gone(pid: number): Promise<void> {
  return vi.waitFor(async () => expect(await processIdentity(pid)).toBeNull(), {
    timeout: 20_000,
    interval: 20,
  });
}

/** The server of a first start that is under way. While initdb runs, the pid file holds a negative number. */
async function draftServer(dataDir: string): Promise<number> {
  const draft = (await readdir(inside(dataDir, ''))).find((name) => name.startsWith('data.new-'));
  const text = await readFile(inside(dataDir, `${draft ?? ''}/postmaster.pid`), 'utf8');
  const pid = Number.parseInt(text, 10);
  expect(pid).toBeGreaterThan(0);
  return pid;
}

function urlWith(url: string, change: { user?: string; password?: string; database?: string }): string {
  const other = new URL(url);
  if (change.user !== undefined) other.username = change.user;
  if (change.password !== undefined) other.password = change.password;
  if (change.database !== undefined) other.pathname = `/${change.database}`;
  return other.href;
}

describe('what is inside', () => {
  let embedded: Embedded;
  let dataDir: string;

  beforeAll(async () => {
    dataDir = await makeDirectory();
    await promisify(execFile)('cp', ['-a', `${prepared}/.`, dataDir]);
    embedded = await ensureEmbedded({ dataDir, log });
  });

  afterAll(async () => {
    await embedded.close();
    await rm(dataDir, { recursive: true });
  });

  test('the store belongs to a role that is no superuser', async () => {
    const url = embedded.storeUrl.reveal();
    expect(await queryOne(url, 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).toBe(false);
    await queryOne(url, 'CREATE TABLE kept (id integer)');
    await queryOne(url, 'DROP TABLE kept');
  });

  test('the demo has related tables with well over 100,000 rows', async () => {
    const url = embedded.engineUrl.reveal();
    const rows = `SELECT sum((xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I', relname), false, true, '')))[1]::text::integer)::integer FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`;
    expect(await queryOne(url, rows)).toBeGreaterThan(200_000);
    expect(
      await queryOne(url, `SELECT count(*)::integer FROM pg_constraint WHERE contype = 'f'`),
    ).toBeGreaterThan(3);
    const bare = `SELECT string_agg(relname, ' ') FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace = 'public'::regnamespace AND obj_description(oid) IS NULL`;
    expect(await queryOne(url, bare)).toBeNull();
  });

  test('the sample data are the same everywhere', async () => {
    const sums = `SELECT format('%s orders, %s units, %s revenue, %s returned', count(DISTINCT order_id), sum(quantity), sum(revenue),
      (SELECT sum(refund) FROM returns)) FROM order_lines`;
    expect(await queryOne(embedded.engineUrl.reveal(), sums)).toMatchInlineSnapshot(
      `"58000 orders, 361429 units, 28639333.00 revenue, 1141210.71 returned"`,
    );
  });

  test.each(['demo', 'analyst', 'clerk'])(
    'the demo role %s stays out of every other database',
    async (role) => {
      const password = await passwordOf(role);
      const url = urlWith(embedded.engineUrl.reveal(), { user: role, password });
      expect(await queryOne(url, 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).toBe(false);
      for (const database of ['patgate_store', 'postgres', 'template1']) {
        await expect(queryOne(urlWith(url, { database }), 'SELECT 1')).rejects.toMatchObject({
          code: '42501',
        });
      }
    },
  );

  test('a clerk may not see the addresses of customers, an analyst may not write', async () => {
    const as = async (user: string) =>
      urlWith(embedded.engineUrl.reveal(), { user, password: await passwordOf(user) });
    await expect(queryOne(await as('clerk'), 'SELECT email FROM customers')).rejects.toMatchObject({
      code: '42501',
    });
    await expect(queryOne(await as('analyst'), 'DELETE FROM returns')).rejects.toMatchObject({
      code: '42501',
    });
    expect(await queryOne(await as('analyst'), 'SELECT count(*)::integer FROM customers')).toBe(5000);
  });

  test.each(['storeUrl', 'engineUrl'] as const)(
    '%s with another password is refused, by socket and by TCP',
    async (name) => {
      const wrong = new URL(urlWith(embedded[name].reveal(), { password: 'wrong' }));
      await expect(queryOne(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
      wrong.hostname = '127.0.0.1';
      await expect(queryOne(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    },
  );

  test('passwords are for our eyes only', async () => {
    for (const name of ['secrets.json', 'userlist.txt']) {
      expect((await stat(inside(dataDir, name))).mode & 0o777).toBe(0o600);
    }
    for (const name of ['', 'data', 'run']) expect((await stat(inside(dataDir, name))).mode & 0o077).toBe(0);
    expect(JSON.stringify(embedded)).not.toContain(new URL(embedded.engineUrl.reveal()).password);
  });

  async function passwordOf(role: string): Promise<string> {
    const line = (await readFile(embedded.passwordsFile, 'utf8'))
      .split('\n')
      .find((text) => text.startsWith(`"${role}"`));
    return /^"[a-z]+" "([^"]+)"$/.exec(line ?? '')?.[1] ?? '';
  }
});

test('a second start finds the data and the port of the first', async () => {
  const dataDir = await copyOfPrepared();
  const first = await open(dataDir);
  await queryOne(first.engineUrl.reveal(), 'DROP TABLE returns CASCADE');
  await queryOne(first.storeUrl.reveal(), 'CREATE TABLE kept AS SELECT 42 AS answer');
  await first.close();
  const second = await open(dataDir);
  expect(second.storeUrl.reveal()).toBe(first.storeUrl.reveal());
  expect(await queryOne(second.storeUrl.reveal(), 'SELECT answer FROM kept')).toBe(42);
  expect(await queryOne(second.engineUrl.reveal(), `SELECT to_regclass('returns')::text`)).toBeNull();
});

test('processes that start together on an empty directory share one server, and the last one stops it', async () => {
  const dataDir = await temporaryDirectory();
  const users = await Promise.all([openElsewhere(dataDir), openElsewhere(dataDir), openElsewhere(dataDir)]);
  expect(new Set(users.map(({ engine }) => engine)).size).toBe(1);
  const pid = await postmasterPid(dataDir);
  const [first, second, third] = users;
  expect(await first.child.end()).toBe(0);
  expect(await second.child.end()).toBe(0);
  expect(await queryOne(third.store, 'SELECT 1')).toBe(1);
  expect(await postmasterPid(dataDir)).toBe(pid);
  expect(await third.child.end()).toBe(0);
  await gone(pid);
  expect(await readdir(inside(dataDir, 'users'))).toEqual([]);
});

test('the server of a killed process is taken over, with the sessions on it', async () => {
  const dataDir = await copyOfPrepared();
  const { child, engine } = await openElsewhere(dataDir);
  const pid = await postmasterPid(dataDir);
  await withClient(engine, async (client) => {
    await child.kill();
    const heir = await open(dataDir);
    expect(await postmasterPid(dataDir)).toBe(pid);
    expect(heir.engineUrl.reveal()).toBe(engine);
    await client.query('SELECT 1');
  });
  for (const embedded of opened) await embedded.close();
  await gone(pid);
});

test('committed data survive the death of everything', async () => {
  const dataDir = await copyOfPrepared();
  const { child, store } = await openElsewhere(dataDir);
  await queryOne(store, 'CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id');
  const pid = await postmasterPid(dataDir);
  await child.kill();
  process.kill(pid, 'SIGKILL');
  await gone(pid);
  const embedded = await open(dataDir);
  expect(await queryOne(embedded.storeUrl.reveal(), 'SELECT count(*)::integer FROM kept')).toBe(1000);
});

test('what a killed first start left half-made is thrown away, with the server on it', async () => {
  const dataDir = await temporaryDirectory();
  const first = runScript('test/support/embedded-user.ts', [dataDir]);
  const pid = await vi.waitFor(() => draftServer(dataDir), { timeout: 60_000, interval: 10 });
  await first.kill();
  expect(await processIdentity(pid)).not.toBeNull();
  const embedded = await open(dataDir);
  expect(await processIdentity(pid)).toBeNull();
  expect(await queryOne(embedded.engineUrl.reveal(), 'SELECT count(*)::integer FROM customers')).toBe(5000);
});

test('a server that is killed while in use comes back at the same address', async () => {
  const dataDir = await copyOfPrepared();
  const embedded = await open(dataDir);
  const pid = await postmasterPid(dataDir);
  process.kill(pid, 'SIGKILL');
  await gone(pid);
  const url = embedded.storeUrl.reveal();
  await vi.waitFor(async () => expect(await queryOne(url, 'SELECT 1')).toBe(1), {
    timeout: 30_000,
    interval: 100,
  });
  expect(await postmasterPid(dataDir)).not.toBe(pid);
});

test('a pid file whose number now belongs to another process does not stop the start', async () => {
  const dataDir = await copyOfPrepared();
  const port = await freePort();
  const run = inside(dataDir, 'run');
  const stale = `${process.pid}\n${inside(dataDir, 'data')}\n1\n${port}\n${run}\n127.0.0.1\n\nready\n`;
  await writeFile(inside(dataDir, 'data/postmaster.pid'), stale, { mode: 0o600 });
  await writeFile(path.join(run, `.s.PGSQL.${port}.lock`), stale, { mode: 0o600 });
  await writeFile(inside(dataDir, 'state.json'), JSON.stringify({ port }));
  const embedded = await open(dataDir);
  expect(new URL(embedded.storeUrl.reveal()).port).toBe(String(port));
  expect(await queryOne(embedded.storeUrl.reveal(), 'SELECT 1')).toBe(1);
});

test('a port that somebody else took meanwhile is replaced', async () => {
  const [one, other] = [await copyOfPrepared(), await copyOfPrepared()];
  const [first, second] = [await open(one), await open(other)];
  const ports = [first, second].map(({ storeUrl }) => new URL(storeUrl.reveal()).port);
  expect(new Set(ports).size).toBe(2);
});

test('a data directory with a long name gets its socket elsewhere, and keeps it', async () => {
  const short = await copyOfPrepared();
  const dataDir = path.join(short, 'a'.repeat(100));
  await mkdir(dataDir);
  await promisify(execFile)('mv', [path.join(short, 'embedded'), dataDir]);
  const first = await open(dataDir);
  const url = first.storeUrl.reveal();
  const sockets = decodeURIComponent(new URL(url).hostname);
  expect((await stat(sockets)).mode & 0o777).toBe(0o700);
  expect(await queryOne(url, 'SELECT inet_client_addr()::text')).toBeNull();
  await first.close();
  expect((await open(dataDir)).storeUrl.reveal()).toBe(url);
  await first.close();
  for (const embedded of opened) await embedded.close();
  await rm(sockets, { recursive: true });
});

describe('failures are told', () => {
  test('with what PostgreSQL wrote', async () => {
    const dataDir = await copyOfPrepared();
    await truncate(inside(dataDir, 'data/global/pg_control'), 0);
    await expect(ensureEmbedded({ dataDir, log })).rejects.toMatchObject({
      code: 'embedded.failed',
      message: expect.stringContaining('pg_control') as string,
    });
    expect(await readdir(inside(dataDir, 'users'))).toEqual([]);
  });

  test('when the passwords are lost', async () => {
    const dataDir = await copyOfPrepared();
    await rm(inside(dataDir, 'secrets.json'));
    await expect(ensureEmbedded({ dataDir, log })).rejects.toMatchObject({
      code: 'embedded.failed',
      message: expect.stringContaining('secrets.json is missing') as string,
    });
  });

  test('when the directory cannot be made', async () => {
    const dataDir = await temporaryDirectory();
    await writeFile(path.join(dataDir, 'file'), '');
    await expect(ensureEmbedded({ dataDir: path.join(dataDir, 'file'), log })).rejects.toMatchObject({
      code: 'embedded.failed',
      message: expect.stringContaining('cannot make the directory') as string,
    });
  });

  test.runIf(asRoot)('to root, when the directory is somebody else’s', async () => {
    const dataDir = await temporaryDirectory(1234);
    await mkdir(inside(dataDir, ''));
    await chown(inside(dataDir, ''), 1234, 1234);
    await expect(ensureEmbedded({ dataDir, log })).rejects.toMatchObject({
      code: 'embedded.failed',
      message: expect.stringContaining('run this as that user') as string,
    });
  });
});

test.runIf(asRoot)('an ordinary user needs nothing from root', async () => {
  const dataDir = await temporaryDirectory(NOBODY);
  const { child, store } = await openElsewhere(dataDir, NOBODY);
  expect(await queryOne(store, 'SELECT 1')).toBe(1);
  expect((await stat(inside(dataDir, 'data'))).uid).toBe(NOBODY);
  expect(await child.end()).toBe(0);
});
