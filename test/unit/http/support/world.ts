import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { Registry } from 'prom-client';
import { systemActor, type Privilege } from '../../../../src/accounts/actor.ts';
import type { AccountService, NewUser } from '../../../../src/accounts/service.ts';
import type { UserView } from '../../../../src/accounts/views.ts';
import { systemClock, type Clock } from '../../../../src/core/clock.ts';
import { createLog } from '../../../../src/core/log.ts';
import { Secret } from '../../../../src/core/secret.ts';
import { createHttpApp } from '../../../../src/http/app.ts';
import type { HttpDeps } from '../../../../src/http/deps.ts';
import { startHttp } from '../../../../src/http/listen.ts';
import { Throttle } from '../../../../src/login/throttle.ts';
import { openServices } from '../../../../src/main/services.ts';
import type { AuditRow } from '../../../../src/store/audit.ts';
import type { LiveSession } from '../../../../src/store/live-sessions.ts';
import type { PolicyPatch } from '../../../../src/store/policy.ts';
import type { Store } from '../../../../src/store/store.ts';
import { generateToken } from '../../../../src/tokens/format.ts';
import type { IssueRequest } from '../../../../src/tokens/service.ts';
import { createStore } from '../../../support/store.ts';
import { clientOf, type Client } from './client.ts';

export interface Person {
  readonly uid: string;
  readonly numericId: number;
  /** The one asked for and something random, so that tests do not meet. */
  readonly name: string;
  readonly email: string;
  readonly password: string;
  /** A session token got by name and password. */
  readonly session: string;
}

export interface World {
  readonly url: string;
  readonly call: Client;
  readonly deps: HttpDeps;
  readonly store: Store;
  /** Everything that was logged, at the most talkative level. */
  readonly logged: () => string;
  person(name: string, privilege?: Privilege): Promise<Person>;
  service(name: string): Promise<UserView>;
  issue(
    owner: { readonly uid: string },
    request?: Partial<IssueRequest>,
  ): Promise<{ readonly tid: string; readonly token: string }>;
  revoke(tid: string): Promise<void>;
  /** Moves the expiry of all of a user's tokens into the past. */
  expire(uid: string): Promise<void>;
  /** Runs `work` under a changed policy. */
  withPolicy(patch: PolicyPatch, work: () => Promise<void>): Promise<void>;
  /** Enters a session into the directory, as a process that runs it would. */
  openSession(session: Partial<LiveSession> & Pick<LiveSession, 'sid' | 'uid' | 'user'>): Promise<void>;
  /** What the audit has of a user, newest first. */
  auditOf(uid: string): Promise<readonly AuditRow[]>;
  /** Well-formed, of no user. */
  unknownToken(): string;
  close(): Promise<void>;
}

const SYSTEM = systemActor('test');
const TOKEN_USERS = ['$token', 'token'];

/** The whole HTTP side on a store of its own, listening. */
export async function startWorld(prefix: string, clock: Clock = systemClock): Promise<World> {
  const testStore = await createStore(prefix);
  const { store } = testStore;
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const log = createLog('trace', sink);
  const services = openServices({ store, method: 'scram-sha-256', tokenUsers: TOKEN_USERS, clock, log });
  const { tokens, policy, accounts, liveSessions: sessions } = services;
  const deps: HttpDeps = {
    ...services,
    guard: new Throttle(clock),
    readiness: () => Promise.resolve({ ready: true, checks: {} }),
    registry: new Registry(),
    log,
    clock,
    tokenUsers: TOKEN_USERS,
    trustedProxies: null,
    product: { version: '1.2.3', clusterId: 'test-cluster', clusterCreatedAt: new Date(0) },
    gateway: {
      address: { host: 'db.example.com', port: 6432 },
      tls: true,
      caFile: () => null,
      exampleDatabase: 'demo',
    },
    publicUrl: null,
    provider: null,
  };
  const listener = await startHttp(createHttpApp(deps), { listen: { host: '127.0.0.1', port: 0 } });
  const call = clientOf(listener.url);
  return {
    url: listener.url,
    call,
    deps,
    store,
    logged: () => lines.join(''),
    person: (name, privilege) => makePerson({ accounts, call }, name, privilege),
    service: (name) => addUser(accounts, { name: unique(name), kind: 'service' }),
    async issue(owner, request = {}) {
      const { token, info } = await tokens.issue(SYSTEM, { label: 'test', ...request, owner: owner.uid });
      return { tid: info.tid, token: token?.reveal() ?? '' };
    },
    async revoke(tid) {
      await tokens.revoke(SYSTEM, tid, 'test');
    },
    async expire(uid) {
      const past = new Date(clock.now().getTime() - 1000);
      await store.db.updateTable('tokens').set({ expires_at: past }).where('uid', '=', uid).execute();
    },
    async withPolicy(patch, work) {
      const before = await policy.get();
      await policy.set(SYSTEM, patch);
      try {
        await work();
      } finally {
        await policy.set(SYSTEM, before);
      }
    },
    async openSession(session) {
      sessions.opened({ ...SOME_SESSION, startedAt: clock.now(), ...session });
      await sessions.flush();
    },
    async auditOf(uid) {
      await services.audit.flush();
      return services.audit.list({ uid });
    },
    unknownToken: () => generateToken('pat').reveal(),
    async close() {
      await listener.close();
      await services.close();
      await testStore.drop();
    },
  };
}

const SOME_SESSION: Omit<LiveSession, 'sid' | 'uid' | 'user' | 'startedAt'> = {
  tid: null,
  label: null,
  mechanism: 'scram-sha-256',
  engine: 'main',
  database: 'demo',
  role: 'app',
  engineProcessId: 42,
  address: '192.0.2.1',
  application: 'psql',
  tls: 'TLSv1.3',
};

function unique(name: string): string {
  return `${name}-${randomBytes(4).toString('hex')}`;
}

function addUser(accounts: AccountService, user: NewUser): Promise<UserView> {
  return accounts.addUser(SYSTEM, user);
}

async function makePerson(
  { accounts, call }: { readonly accounts: AccountService; readonly call: Client },
  prefix: string,
  privilege?: Privilege,
): Promise<Person> {
  const name = unique(prefix);
  const password = randomBytes(12).toString('base64url');
  const email = `${name}@example.com`;
  const user = await addUser(accounts, { name, email, password: new Secret(password) });
  if (privilege !== undefined) await accounts.grant(SYSTEM, privilege, { kind: 'user', name });
  const answer = await call('POST', '/api/v1/session', { body: { name, password } });
  const { token } = answer.json() as { readonly token: string };
  return { uid: user.uid, numericId: user.numericId, name, email, password, session: token };
}
