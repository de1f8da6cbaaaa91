import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { systemActor } from '../../src/accounts/actor.ts';
import { cancelRequest, password, SSL_REQUEST, startup } from '../protocol/packets.ts';
import { rawClient, tlsClient } from '../protocol/raw-client.ts';
import { workersOf } from '../support/child.ts';
import { describeWith } from '../support/clients.ts';
import { eventually } from '../support/eventually.ts';
import type { TestUser } from '../support/gateway.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { queryOne } from '../support/query.ts';
import { openSession, type OpenSession } from '../support/session.ts';
import { makeDirectory } from '../support/temporary.ts';

const ADMIN = systemActor('limits test');
const RELOADED = 'reloaded: settings, certificates and engine credentials';

/** Limits that are settings, as a whole gateway keeps them, and as it does after a reload. */
describe.each(['1', '2'])('a setting is what holds, workers = %s', (workers) => {
  let file: string;
  let gateway: GatewayProcess;
  let ada: TestUser;

  beforeAll(async () => {
    file = path.join(await makeDirectory(), 'patgate.toml');
    await writeFile(file, '');
    gateway = await startGatewayProcess({ config: file, workers });
    ada = await gateway.addUser('ada');
  });
  afterAll(() => gateway.stop());

  /** @param toml the whole configuration file */
  async function configure(toml: string): Promise<void> {
    const before = gateway.logged().length;
    await writeFile(file, toml);
    await gateway.reload();
    await eventually(() => {
      expect(gateway.logged().slice(before)).toContainEqual(
        expect.objectContaining({ msg: RELOADED }) as object,
      );
    });
  }

  async function open(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port, localAddress });
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return socket;
  }

  /** Resolves when the gateway closes one of them. Their bytes are of no interest. */
  function oneClosed(sockets: readonly Socket[]): Promise<unknown> {
    return Promise.race(sockets.map((socket) => once(socket.resume(), 'close')));
  }

  const portOf = (url = '') => Number(new URL(url).port);

  describe('http.max_connections…', () => {
    /** A connection with a request under way, whose body never ends: no such one has to make room. @returns the first line */
    async function ask(localAddress: string): Promise<string> {
      const socket = await open(portOf(gateway.info.http?.url), localAddress);
      const head = [
        'POST /api/v1/session HTTP/1.1',
        'Host: localhost',
        'Content-Type: application/json',
        'Content-Length: 100',
        'Expect: 100-continue',
      ];
      socket.write(`${head.join('\r\n')}\r\n\r\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      return answer.toString('latin1').split('\r\n', 1)[0] ?? '';
    }
    const IN = 'HTTP/1.1 100 Continue';
    const FULL = 'HTTP/1.1 503 Service Unavailable';
    const askAll = async (addresses: readonly string[]) => {
      const answers: string[] = [];
      for (const address of addresses) answers.push(await ask(address));
      return answers;
    };

    test('per address', async () => {
      await configure('[http]\nmax_connections_per_address = 3\n');
      const same = Array<string>(4).fill('127.0.0.2');
      expect(await askAll(same)).toEqual([IN, IN, IN, FULL]);
      expect(await ask('127.0.0.3')).toBe(IN);
    });

    test('in all, for each of the two listeners', async () => {
      await configure('[http]\nmax_connections = 3\n');
      expect(await askAll(['127.0.0.12', '127.0.0.13', '127.0.0.14', '127.0.0.15'])).toEqual([
        IN,
        IN,
        IN,
        FULL,
      ]);
      const crowd: Socket[] = [];
      for (const last of [12, 13, 14, 15]) {
        crowd.push(await open(portOf(gateway.info.metrics?.url), `127.0.0.${last}`));
      }
      await oneClosed(crowd);
    });
  });

  describe('login.max_pending…', () => {
    test.each([
      ['', 'max_pending = 3', [22, 23, 24, 25]],
      ['_per_address', 'max_pending_per_address = 3', [22, 22, 22, 22]],
    ])('%s', async (_which, setting, from) => {
      await configure(`[login]\n${setting}\n`);
      const crowd: Socket[] = [];
      for (const last of from) crowd.push(await open(gateway.port, `127.0.0.${last}`));
      // The last one, or, if it came after a second, the oldest.
      await oneClosed(crowd);
    });
  });

  describeWith('linux', 'login.max_pending…, of who was sent away', () => {
    /** Sockets that the gateway holds, in all of its processes. */
    function held(): number {
      return [gateway.pid, ...workersOf(gateway.pid)]
        .flatMap((pid) => readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`))
        .filter((link) => isSocket(link)).length;
    }
    const PER_ADDRESS = 3;
    /** The gateway's own, to store and engine, come and go. */
    const OTHERS = 8;

    type Sent = Awaited<ReturnType<typeof rawClient>>;
    const says = (packet: Buffer) => async () => {
      const client = await rawClient(gateway);
      client.socket.write(packet);
      return client;
    };
    async function presentsNoToken(): Promise<Sent> {
      const plain = await says(SSL_REQUEST)();
      // Not for who is closed unheard.
      if ((await plain.read(1)).length === 0) return plain;
      const client = await tlsClient(gateway, plain.socket, {});
      client.socket.write(startup(0x3_0000, { user: '$token' }));
      await client.read(1);
      client.socket.write(password('no token'));
      return client;
    }

    test.each<[string, () => Promise<Sent>]>([
      ['at the door', says(startup(0x2_0000, { user: 'ada' }))],
      ['at the login', presentsNoToken],
      ['by being told that a cancel request was heard', says(cancelRequest(1, Buffer.alloc(4)))],
    ])('%s and does not close', async (_where, send) => {
      await configure(`[login]\nmax_pending_per_address = ${PER_ADDRESS}\n`);
      const before = held();
      for (let n = 0; n < 30; n++) await (await send()).rest();
      expect(held()).toBeLessThanOrEqual(before + PER_ADDRESS + OTHERS);
    });
  });

  describe('login.throttle_…', () => {
    /** @returns `28P01` for each guess that was heard; seconds to wait for one that was not */
    async function guess(user: string, times: number): Promise<(string | number)[]> {
      const outcomes: (string | number)[] = [];
      for (let n = 0; n < times; n += 1) {
        const refused = openSession(gateway.clientConfig(user, `guess ${n}`)).then(
          () => 'in',
          (error: unknown) => {
            const { code, message } = error as { code: string; message: string };
            return code === '53300' ? Number(/try again in (\d+) second/.exec(message)?.[1]) : code;
          },
        );
        outcomes.push(await refused);
      }
      return outcomes;
    }

    test('free, first_wait', async () => {
      await configure(
        '[login]\nthrottle_free = 1\nthrottle_first_wait = "400s"\nthrottle_longest_wait = "20min"\n',
      );
      const [first, second, third] = await guess('guessed', 3);
      expect([first, second]).toEqual(['28P01', '28P01']);
      expect(third).toBeGreaterThan(300);
      expect(third).toBeLessThanOrEqual(400);
    });

    test('longest_wait', async () => {
      await configure(
        '[login]\nthrottle_free = 1\nthrottle_first_wait = "20min"\nthrottle_longest_wait = "200s"\n',
      );
      const third = (await guess('guessed too', 3)).at(-1);
      expect(third).toBeGreaterThan(100);
      expect(third).toBeLessThanOrEqual(200);
    });

    test('forgive_every', async () => {
      await configure(
        '[login]\nthrottle_free = 1\nthrottle_first_wait = "20min"\nthrottle_forgive_every = "1ms"\n',
      );
      expect(await guess('forgiven', 6)).toEqual(Array(6).fill('28P01'));
    });
  });

  test('sessions.expiry_grace', async () => {
    await configure('[sessions]\nexpiry_grace = "50ms"\n');
    const { tid, token } = await gateway.issueToken(ada, { label: 'brief' });
    const { client, ended } = await openSession(gateway.clientConfig('$token', token));
    const cancelled = expect(client.query('select pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
    const { services } = gateway;
    await services.store.db
      .updateTable('tokens')
      .set({ expires_at: new Date() })
      .where('tid', '=', tid)
      .execute();
    await services.bus.publish({ kind: 'tokens', tids: [tid], change: 'retired' });
    await cancelled;
    expect(await ended).toMatchObject({
      code: '57P01',
      message: 'terminating connection: token "brief" has expired; create a new one',
    });
  });

  test('notices.login_expiry', async () => {
    await gateway.services.policy.set(ADMIN, { expiryNoticeDays: 7 });
    const { token } = await gateway.issueToken(ada, { label: 'brief', lifetime: { ms: 3_600_000 } });
    const noticesAtLogin = async (): Promise<string[]> => {
      const client = new pg.Client(gateway.clientConfig('$token', token));
      const notices: string[] = [];
      client.on('notice', ({ message = '' }) => notices.push(message));
      await client.connect();
      await client.end();
      return notices;
    };
    await configure('');
    expect(await noticesAtLogin()).toEqual([
      expect.stringMatching(/^token "brief" expires in .*; rotate it or create a new one in time$/),
    ]);
    await configure('[notices]\nlogin_expiry = false\n');
    expect(await noticesAtLogin()).toEqual([]);
  });

  describe('pool.…', () => {
    const kept = () =>
      queryOne(
        gateway.engine.url,
        `select count(*)::int from pg_stat_activity where datname = '${gateway.engine.name}' and pid <> pg_backend_pid()`,
      );
    async function useAtOnce(users: readonly TestUser[]): Promise<void> {
      const opened: OpenSession[] = [];
      for (const { name, password } of users)
        opened.push(await openSession(gateway.clientConfig(name, password)));
      for (const { client } of opened) await client.end();
    }

    // Each process that relays has a pool of its own, and sessions are spread evenly.
    test('max_idle_per_key', async () => {
      await configure('[pool]\nmax_idle_per_key = 1\n');
      await useAtOnce([ada, ada, ada, ada]);
      await eventually(async () => expect(await kept()).toBe(Number(workers)));
    });

    test('max_idle', async () => {
      const names = ['bob', 'cleo', 'dora', 'emil'];
      const users = await Promise.all(names.map((name) => gateway.addUser(name)));
      await configure('[pool]\nmax_idle = 1\n');
      await useAtOnce(users);
      await eventually(async () => expect(await kept()).toBe(Number(workers)));
    });

    test('idle_timeout', async () => {
      await configure('[pool]\nidle_timeout = "1ms"\n');
      await useAtOnce([ada, ada, ada, ada]);
      await eventually(async () => expect(await kept()).toBe(0));
    });

    test('reuse', async () => {
      await configure('[pool]\nreuse = "off"\n');
      await useAtOnce([ada, ada, ada, ada]);
      await eventually(async () => expect(await kept()).toBe(0));
    });
  });
});

function isSocket(link: string): boolean {
  try {
    return readlinkSync(link).startsWith('socket:');
  } catch {
    return false; // closed meanwhile
  }
}
