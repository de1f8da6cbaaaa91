import { PassThrough } from 'node:stream';
import { parse } from 'pg-protocol';
import { provePrincipal, type Principal, type PrincipalFacts } from '../../../src/accounts/principal.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { GatewayError } from '../../../src/core/errors.ts';
import { createLog } from '../../../src/core/log.ts';
import { Secret } from '../../../src/core/secret.ts';
import { connectSocket } from '../../../src/session/transport-connect.ts';
import { createTransports } from '../../../src/session/transports.ts';
import type { Dial } from '../../../src/upstream/dial.ts';
import type { EngineOptions } from '../../../src/upstream/engine.ts';
import type { EngineSession, Upstream } from '../../../src/upstream/open.ts';
import {
  createUpstream,
  type PoolOptions,
  type UpstreamDeps,
  type UpstreamOptions,
} from '../../../src/upstream/upstream.ts';
import { encodeFrontend } from '../../../src/wire/frontend.ts';
import type { StartupMessage } from '../../../src/wire/startup.ts';

const transports = createTransports();

export const dial: Dial = {
  socket: connectSocket,
  plain: (socket) => transports.plain(socket),
  tls: (socket, carrier) => transports.tls(socket, carrier),
};

export function principal(facts: Partial<PrincipalFacts> = {}): Principal {
  return provePrincipal({
    uid: 'a1b2c3d4-0000-4000-8000-000000000001',
    name: 'ada',
    kind: 'person',
    provedBy: 'password',
    mechanism: 'scram-sha-256',
    token: null,
    passwordVersion: null,
    engineRole: null,
    defaultDatabase: null,
    databases: null,
    networks: null,
    policyNetworks: null,
    ...facts,
  });
}

/** The limits of a token that has none but a role. */
export function tokenFor(role: string | null): NonNullable<PrincipalFacts['token']> {
  return {
    tid: 'a1b2c3d4-0000-4000-8000-0000000000ff',
    exchange: null,
    label: 'laptop',
    expiresAt: null,
    databases: null,
    networks: null,
    role,
    roleGranted: false,
    maxSessions: null,
    scopes: [],
  };
}

export function startup(parameters: Readonly<Record<string, string>> = {}): StartupMessage {
  return {
    kind: 'startup',
    protocol: { major: 3, minor: 0 },
    user: 'ada',
    database: null,
    parameters: Object.entries(parameters).map(([name, value]) => ({ name, value: Buffer.from(value) })),
    protocolOptions: [],
  };
}

export type EngineSettings = Omit<Partial<EngineOptions>, 'url'> & { readonly url: string };

export interface Settings {
  readonly pool?: Partial<PoolOptions>;
  readonly allowReplication?: boolean;
  readonly deps?: Partial<UpstreamDeps>;
}

export const NO_POOL: Partial<PoolOptions> = { reuse: 'off' };

/** An engine side with one engine, `main`. */
export function upstreamOf(engine: EngineSettings, settings: Settings = {}): Promise<Upstream> {
  const options: UpstreamOptions = {
    engines: [{ name: 'main', identity: 'service', ...engine, url: new Secret(engine.url) }],
    databases: new Map([['*', { engine: 'main', database: null }]]),
    tokenUsers: ['$token', 'token'],
    allowReplication: settings.allowReplication ?? true,
    pool: {
      reuse: 'principal',
      maxIdlePerKey: 4,
      maxIdle: 20,
      idleTimeoutMs: 60_000,
      warmSpares: 0,
      ...settings.pool,
    },
  };
  return createUpstream(options, { dial, clock: systemClock, log: createLog('silent'), ...settings.deps });
}

export interface OpenAs {
  readonly who?: Principal;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly database?: string;
  readonly signal?: AbortSignal;
}

/** Opens a session, on the database of the engine's URL unless another is named. */
export function open(upstream: Upstream, as: OpenAs = {}): Promise<EngineSession> {
  const who = as.who ?? principal();
  const route = upstream.route(as.database ?? null, who);
  return upstream.open(who, startup(as.parameters), route, as.signal ?? new AbortController().signal);
}

/** What a promise was rejected with; fails when it was not, or not with a GatewayError. */
export async function failure(promise: Promise<unknown>): Promise<GatewayError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** Whatever SQL can be sent over. */
export type Carried = Pick<EngineSession, 'transport'>;

/** Rows as text of a simple query, by pg-protocol's parser. Fails when the engine answers with an error. */
export async function ask(session: Carried, sql: string): Promise<string[][]> {
  const rows: string[][] = [];
  await converse(session, sql, (message) => {
    if (message.name === 'dataRow' && message.fields)
      rows.push(message.fields.map((field) => field ?? 'NULL'));
  });
  return rows;
}

/** Sends a query and does not wait. */
export function send(session: Carried, sql: string): void {
  session.transport.write(encodeFrontend({ kind: 'query', sql }));
}

interface Answer {
  readonly name: string;
  readonly fields?: readonly (string | null)[];
  readonly parameterName?: string;
  readonly parameterValue?: string;
}

/** Sends a query and hands over every message up to ReadyForQuery; then the transport is as before. */
export function converse(session: Carried, sql: string, onMessage: (message: Answer) => void): Promise<void> {
  send(session, sql);
  return answers(session, onMessage);
}

/** Messages up to the next ReadyForQuery. */
export function answers(session: Carried, onMessage: (message: Answer) => void): Promise<void> {
  const { transport } = session;
  const bytes = new PassThrough();
  return new Promise((resolve, reject) => {
    let problem: Error | null = null;
    const finish = (): void => {
      transport.pause();
      transport.setSink(null);
      if (problem === null) resolve();
      else reject(problem);
    };
    void parse(bytes, (message) => {
      if (message.name === 'error') problem = message as unknown as Error;
      else if (message.name === 'readyForQuery') finish();
      else onMessage(message);
    });
    transport.setSink({
      data(chunk) {
        bytes.write(Buffer.from(chunk));
        return false;
      },
      end: () => reject(new Error('the engine ended the session')),
      drain: () => undefined,
      close: () => reject(new Error('the session is gone')),
    });
    transport.resume();
  });
}

/** Parameters of a greeting, in order. */
export async function greeted(greeting: Buffer): Promise<Map<string, string>> {
  const parameters = new Map<string, string>();
  const bytes = new PassThrough();
  bytes.end(greeting);
  await parse(bytes, (message) => {
    const { parameterName, parameterValue } = message as unknown as Answer;
    if (parameterName !== undefined) parameters.set(parameterName, parameterValue ?? '');
  });
  return parameters;
}
