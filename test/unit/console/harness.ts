import { createOversight } from '../../../src/accounts/oversight.ts';
import { provePrincipal, type PrincipalFacts } from '../../../src/accounts/principal.ts';
import type { UserView } from '../../../src/accounts/views.ts';
import { openConsole, type ConsoleDeps, type ConsoleLine } from '../../../src/console/console.ts';
import { createLog, type Log } from '../../../src/core/log.ts';
import { createLiveSessions } from '../../../src/store/session-directory.ts';
import { createStandings } from '../../../src/tokens/store-standings.ts';
import { silentLog } from '../../support/store.ts';
import { createServices, type TestServices } from '../../support/services.ts';

/** A message of the console: one letter, and what it holds. */
export interface Said {
  readonly type: string;
  readonly body: Buffer;
}

/** Everything that the console stands on, on a store of its own. */
export interface ConsoleGround {
  readonly services: TestServices;
  readonly deps: ConsoleDeps;
  /** Lines of the log. */
  readonly logged: readonly string[];
  close(): Promise<void>;
}

export async function prepareConsole(): Promise<ConsoleGround> {
  const services = await createServices('console');
  const { accounts, tokens, audit, bus, clock } = services;
  const sessions = createLiveSessions({ store: services.test.store, clock, log: silentLog });
  const logged: string[] = [];
  const log: Log = createLog('trace', { write: (line: string) => void logged.push(line) });
  return {
    services,
    logged,
    deps: {
      accounts,
      tokens,
      standings: createStandings({ store: services.test.store, clock }),
      oversight: createOversight({ store: services.test.store, sessions, audit, bus }),
      explainLogin: (_, { user }) =>
        Promise.resolve([{ by: null, rule: 'account', passes: true, detail: user }]),
      pools: () => [],
      statistics: () => Promise.resolve([{ name: 'patgate_sessions', labels: '', value: 0.5 }]),
      config: () => [{ name: 'tls.mode', value: 'require', initial: 'require' }],
      version: '1.2.3',
      clock,
      log,
    },
    async close() {
      await sessions.close();
      await services.drop();
    },
  };
}

export function factsOf(user: UserView, more: Partial<PrincipalFacts> = {}): PrincipalFacts {
  return {
    uid: user.uid,
    name: user.name,
    kind: user.kind,
    provedBy: 'password',
    mechanism: 'cleartext',
    token: null,
    passwordVersion: 0,
    engineRole: null,
    defaultDatabase: null,
    databases: null,
    networks: null,
    policyNetworks: null,
    ...more,
  };
}

/** A client of the console that says exactly what a test wants said. */
export class Talk {
  readonly line: ConsoleLine;
  /** The console has closed its side. */
  hasEnded = false;
  readonly #waiting: Said[] = [];
  #held = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  constructor(facts: PrincipalFacts, deps: ConsoleDeps, parameters: Readonly<Record<string, string>> = {}) {
    const visitor = {
      principal: provePrincipal(facts),
      address: '192.0.2.7',
      application: 'vitest',
      database: 'patgate',
      processId: 4711,
    };
    const startup = Object.entries(parameters).map(([name, value]) => ({ name, value: Buffer.from(value) }));
    this.line = openConsole(visitor, startup, deps);
    this.line.transport.setSink({
      data: (chunk) => {
        this.#data(chunk);
        return false;
      },
      end: () => this.#ended(),
      drain: () => undefined,
      close: () => this.#ended(),
    });
    this.line.transport.resume();
  }

  send(...bytes: readonly Uint8Array[]): this {
    this.line.transport.write(Buffer.concat(bytes));
    return this;
  }

  /** The next message; null once the console has closed. */
  async next(): Promise<Said | null> {
    for (;;) {
      const said = this.#waiting.shift();
      if (said !== undefined) return said;
      if (this.hasEnded) return null;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** All up to and with the next ReadyForQuery, or to the end. */
  async answer(): Promise<readonly Said[]> {
    const all: Said[] = [];
    for (let said = await this.next(); said !== null; said = await this.next()) {
      all.push(said);
      if (said.type === 'Z') break;
    }
    return all;
  }

  /** The same, in short: `T D C:SHOW Z:I`. */
  async heard(): Promise<string> {
    return (await this.answer()).map(inShort).join(' ');
  }

  /** Sends and listens. */
  ask(...bytes: readonly Uint8Array[]): Promise<string> {
    return this.send(...bytes).heard();
  }

  async close(): Promise<void> {
    this.line.close();
    await this.line.ended;
  }

  #data(chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk]);
    while (this.#held.length >= 5 && this.#held.length > this.#held.readInt32BE(1)) {
      const end = 1 + this.#held.readInt32BE(1);
      this.#waiting.push({
        type: this.#held.toString('latin1', 0, 1),
        body: this.#held.subarray(5, end),
      });
      this.#held = this.#held.subarray(end);
    }
    this.#wake();
  }

  #ended(): void {
    this.hasEnded = true;
    this.#wake();
  }
}

/** With what matters of a message: a command's tag, an error's code, a status. */
export function inShort({ type, body }: Said): string {
  if (type === 'C') return `C:${body.toString('utf8', 0, body.length - 1)}`;
  if (type === 'Z') return `Z:${body.toString('latin1')}`;
  if (type === 'E' || type === 'N') return `${type}:${fieldsOf(body)['C'] ?? ''}`;
  return type;
}

export function fieldsOf(body: Buffer): Record<string, string> {
  const fields = body.toString('utf8').split('\0');
  return Object.fromEntries(fields.map((field) => [field.slice(0, 1), field.slice(1)]));
}

/** Cells of a DataRow. */
export function cellsOf({ body }: Said): (Buffer | null)[] {
  const cells: (Buffer | null)[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const length = body.readInt32BE(at);
    at += 4;
    cells.push(length < 0 ? null : body.subarray(at, at + length));
    at += Math.max(length, 0);
  }
  return cells;
}
