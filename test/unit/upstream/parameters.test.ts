import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { GatewayError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { loadEngine, type Engine } from '../../../src/upstream/engine.ts';
import { TlsSessions } from '../../../src/upstream/engine-tls.ts';
import { openFresh } from '../../../src/upstream/open-fresh.ts';
import { asksForReplication, vetParameters } from '../../../src/upstream/parameters.ts';
import type { StartupParameter } from '../../../src/wire/startup.ts';
import {
  createDatabase,
  createRole,
  dropRole,
  type TestDatabase,
  type TestRole,
} from '../../support/database.ts';
import { ask, dial } from './support.ts';

const OWN = 'postgres';

let database: TestDatabase;
let victim: TestRole;
let engine: Engine;
beforeAll(async () => {
  database = await createDatabase('parameters');
  victim = await createRole('victim');
  engine = await loadEngine({ name: 'main', identity: 'service', url: new Secret(database.url) });
});
afterAll(async () => {
  await database.drop();
  await dropRole(victim);
});

function parameter(name: string, value: string): StartupParameter {
  return { name, value: Buffer.from(value, 'latin1') };
}

function refused(parameters: readonly StartupParameter[]): boolean {
  try {
    vetParameters(parameters, OWN);
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({ code: 'login.role_not_allowed', client: { sqlState: '42501' } });
    return true;
  }
}

/** Who a session is on a real engine, as a superuser, with nobody vetting; null when the engine refuses it. */
async function identityOf(parameters: readonly StartupParameter[]): Promise<string[] | null> {
  const opened = await openFresh(
    { engine, role: OWN, database: database.name, parameters },
    { dial, clock: systemClock, tlsSessions: new TlsSessions(), lastGood: new WeakMap() },
    new AbortController().signal,
  ).catch(() => null);
  if (opened === null) return null;
  const { transport } = opened.connection;
  const [who] = await ask({ transport }, 'SELECT session_user, current_user');
  transport.destroy();
  return who ?? [];
}

it.each(['USER', 'Database', '_PQ_.x', '_pq_.x', 'crdb:remote_addr', 'CRDB:Remote_Addr'])(
  'refuses %s, which an engine may take for what the gateway says',
  (name) => {
    expect(() => vetParameters([parameter(name, OWN)], OWN)).toThrow(
      expect.objectContaining({
        code: 'login.role_not_allowed',
        client: expect.objectContaining({
          sqlState: '42704',
          message: `unrecognized configuration parameter "${name}"`,
        }) as unknown,
      }) as Error,
    );
  },
);

/** Every spelling that the engine lets change who the session is. `@` stands for the role. */
const SPELLINGS: readonly (readonly [string, string])[] = [
  ['role', '@'],
  ['ROLE', '@'],
  ['options', '-c role=@'],
  ['options', '-crole=@'],
  ['options', '--role=@'],
  ['options', '--ROLE=@'],
  ['options', '  -c\trole=@\n'],
  ['options', '\v-c\frole=@'],
  ['options', '\\-c ro\\le=@'],
  ['options', '\\-\\-\\r\\o\\l\\e\\=@'],
  ['options', '-c application_name=a\\ b -c role=@'],
  ['options', '-e -crole=@'],
  ['options', '-ecrole=@'],
  ['options', '-ec role=@'],
  ['options', '-EOc role=@'],
  ['options', '-E-role=@'],
  ['options', '-c work_mem=64kB --role=@ -c statement_timeout=0'],
  ['options', '-S 100 -crole=@'],
];

/** PostgreSQL 18 takes them and does nothing; not every engine need be so. */
const WITHOUT_EFFECT: readonly (readonly [string, string])[] = [
  ['session_authorization', 'other'],
  ['Session_Authorization', 'other'],
  ['options', '-c session_authorization=other'],
  ['options', '-c session-authorization=other'],
  ['options', '--session-authorization=other'],
  ['OPTIONS', '--session-authorization=other'],
];

describe('start-up parameters that change who the session is', () => {
  it.each(SPELLINGS)('%s = %j does so on a real engine, and is refused', async (name, spelling) => {
    const parameters = [parameter(name, spelling.replace('@', victim.name))];
    expect(await identityOf(parameters)).toContain(victim.name);
    expect(refused(parameters)).toBe(true);
  });

  it.each(WITHOUT_EFFECT)('%s = %j is refused all the same', (name, value) => {
    expect(refused([parameter(name, value)])).toBe(true);
  });

  it('may name the role that the session has anyway', () => {
    expect(
      refused([
        parameter('role', OWN),
        parameter('options', `-c role=${OWN} --session-authorization=${OWN}`),
      ]),
    ).toBe(false);
  });

  it.each([`${OWN} `, ` ${OWN}`, OWN.toUpperCase(), `${OWN}\xa0`, '', 'none'])('may not name %j', (role) => {
    expect(refused([parameter('role', role)])).toBe(true);
  });

  it('is decided for every one of them, not the first', () => {
    expect(refused([parameter('role', OWN), parameter('role', 'other')])).toBe(true);
    expect(refused([parameter('options', `-c role=${OWN}`), parameter('options', '-c role=other')])).toBe(
      true,
    );
  });

  it.each([
    ['application_name', 'role=postgres'],
    ['options', '-c search_path=role -c application_name=session_authorization=x'],
    ['options', '-c myapp.role=admin --my.session_authorization=x'],
    ['options', '-c statement_timeout=0'],
    ['options', ''],
    ['search_path', 'role'],
    ['client_encoding', "'utf-8'"],
    ['extra_float_digits', '3'],
  ])('leaves %s = %j alone', (name, value) => {
    expect(refused([parameter(name, value)])).toBe(false);
  });

  it('finds the role however the engine would split the words', async () => {
    const space = fc.constantFrom(' ', '\t', '\n', '\v', '\f', '\r', '  ', '\\ ', '');
    const start = fc.constantFrom('-c', '--', '-ec', '\\-c', '-E -c', '-', '-c-');
    const setting = fc.constantFrom(
      'role',
      'ROLE',
      'session_authorization',
      'r\\ole',
      'role\\',
      ' role',
      'work_mem',
    );
    const piece = fc.tuple(space, start, space, setting, fc.constantFrom('=', ' =', '\\='));
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 2 }), async (pieces) => {
        const text = pieces.map((parts) => `${parts.join('')}${victim.name}`).join(' ');
        const parameters = [parameter('options', text)];
        if (refused(parameters)) return;
        expect(await identityOf(parameters)).toSatisfy(
          (who: string[] | null) => who === null || !who.includes(victim.name),
        );
      }),
      { numRuns: 150 },
    );
  });
});

describe('replication connections', () => {
  it.each(['true', 'database', 'on', 'yes', '1', 't', 'TRUE', 'nonsense', '', 'o'])(
    '%j asks for one',
    (value) => {
      expect(asksForReplication([parameter('replication', value)])).toBe(true);
    },
  );

  it.each(['false', 'off', 'of', 'no', 'n', '0', 'F', 'OFF'])('%j does not', (value) => {
    expect(asksForReplication([parameter('replication', value)])).toBe(false);
  });
});
