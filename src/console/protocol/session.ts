import { GatewayError } from '../../core/errors.ts';
import { MessageReader } from '../../wire/message-reader.ts';
import type { PipeEnd } from '../../wire/pipe.ts';
import { decodeSessionMessage, type SessionMessage } from '../../wire/session-messages.ts';
import type { ConsoleDeps, Visitor } from '../deps.ts';
import type { SessionState } from '../plan.ts';
import { planOf } from '../run/plan-of.ts';
import type { Settings } from '../settings.ts';
import { parseScript } from '../sql/parse.ts';
import { DEFECT, faultOf, SqlError, unsupported } from '../sql-error.ts';
import { Transaction } from '../transaction.ts';
import { Executor } from './executor.ts';
import { Interrupt } from './interrupt.ts';
import { ClientGone, Output } from './output.ts';
import { portalOf } from './portal.ts';
import { PreparedObjects } from './prepared.ts';

/** Nothing that the console understands is longer. */
const LONGEST_MESSAGE = 1_048_576;

export interface SessionOptions {
  readonly pipe: PipeEnd;
  readonly visitor: Visitor;
  readonly settings: Settings;
  readonly deps: ConsoleDeps;
}

type Extended = Extract<SessionMessage, { kind: 'parse' | 'bind' | 'describe' | 'execute' | 'close' }>;

/** One client at the console: reads messages and answers each before it reads the next. */
export class ConsoleSession {
  readonly #options: SessionOptions;
  readonly #output: Output;
  readonly #interrupt: Interrupt;
  readonly #prepared = new PreparedObjects();
  readonly #state: SessionState;
  readonly #executor: Executor;
  /** An error came, and Sync did not yet. */
  #isSkipping = false;

  constructor(options: SessionOptions) {
    const { pipe, visitor, settings, deps } = options;
    this.#options = options;
    this.#output = new Output(pipe);
    this.#interrupt = new Interrupt(deps.clock);
    this.#state = {
      settings,
      transaction: new Transaction(),
      forgetPrepared: (name) => this.#prepared.forget(name),
    };
    this.#executor = new Executor({
      deps,
      visitor,
      state: this.#state,
      output: this.#output,
      interrupt: this.#interrupt,
      demandRoomFor: (portal) => this.#prepared.demandRoomFor(portal),
    });
  }

  cancel(): void {
    this.#interrupt.cancel();
  }

  /** Until one side ends it. Never rejects. */
  async run(): Promise<void> {
    const { pipe } = this.#options;
    try {
      const reader = new MessageReader(pipe, { maxLength: LONGEST_MESSAGE });
      for (let message = await reader.next(); message !== null; message = await reader.next()) {
        const decoded = decodeSessionMessage(message);
        if (decoded.kind === 'terminate') break;
        await this.#answer(decoded);
      }
      pipe.end();
    } catch (error) {
      this.#breakOff(error);
    }
  }

  #breakOff(error: unknown): void {
    const { pipe } = this.#options;
    if (error instanceof ClientGone) {
      pipe.destroy();
      return;
    }
    if (error instanceof GatewayError) this.#output.say({ kind: 'errorResponse', fault: error.client });
    else {
      this.#logDefect(error);
      this.#output.say({ kind: 'errorResponse', fault: { ...DEFECT, severity: 'FATAL' } });
    }
    this.#output.flush().then(
      () => pipe.end(),
      () => pipe.destroy(),
    );
  }

  async #answer(message: Exclude<SessionMessage, { kind: 'terminate' }>): Promise<void> {
    if (this.#isSkipping && message.kind !== 'sync') return;
    switch (message.kind) {
      case 'query':
        await this.#attempt(() => this.#query(message.sql));
        await this.#ready();
        return;
      case 'functionCall':
        await this.#attempt(() => Promise.reject(unsupported('function calls by message')));
        await this.#ready();
        return;
      case 'sync':
        this.#isSkipping = false;
        await this.#ready();
        return;
      case 'flush':
        await this.#output.flush();
        return;
      case 'copy':
        return;
      default:
        this.#isSkipping = !(await this.#attempt(() => this.#extended(message)));
        // Answers may be thousands of times longer than what asks for them, and Sync may be a long time in coming.
        await this.#output.breathe();
    }
  }

  /** @returns whether it went well; else the client was told */
  async #attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (error instanceof ClientGone) throw error;
      const fault = faultOf(error);
      if (fault === null) this.#logDefect(error);
      this.#output.say({ kind: 'errorResponse', fault: fault ?? DEFECT });
      this.#state.transaction.fail();
      return false;
    }
  }

  async #ready(): Promise<void> {
    const { status } = this.#state.transaction;
    if (status === 'I') this.#prepared.closePortals();
    this.#output.say({ kind: 'readyForQuery', status });
    await this.#output.flush();
  }

  /** All statements are read before the first one runs; the first that fails ends it. */
  async #query(sql: string): Promise<void> {
    this.#prepared.close('statement', '');
    this.#prepared.close('portal', '');
    const script = parseScript(sql);
    if (script.length === 0) this.#output.result({ kind: 'emptyQueryResponse' });
    for (const { statement, parameters } of script) {
      if (parameters > 0) throw new SqlError('42P02', 'there is no parameter $1');
      const plan = planOf(statement);
      this.#executor.demandAllowed(plan);
      if (plan !== null && plan.columns !== null) this.#executor.describe(plan, []);
      await this.#executor.execute(portalOf(plan), 0);
    }
  }

  async #extended(message: Extended): Promise<void> {
    const allowed = this.#executor.demandAllowed.bind(this.#executor);
    switch (message.kind) {
      case 'parse':
        this.#prepared.parse(message, allowed);
        this.#output.result({ kind: 'parseComplete' });
        return;
      case 'bind':
        this.#prepared.bind(message, allowed);
        this.#output.result({ kind: 'bindComplete' });
        return;
      case 'describe':
        this.#describe(message.of, message.name);
        return;
      case 'execute':
        await this.#executor.execute(this.#prepared.portal(message.portal), message.maxRows);
        return;
      case 'close':
        this.#prepared.close(message.of, message.name);
        this.#output.result({ kind: 'closeComplete' });
        return;
      default:
        message satisfies never;
    }
  }

  #describe(of: 'statement' | 'portal', name: string): void {
    if (of === 'portal') {
      const { plan, formats } = this.#prepared.portal(name);
      this.#executor.describe(plan, formats);
      return;
    }
    const { plan, types } = this.#prepared.statement(name);
    this.#output.result({ kind: 'parameterDescription', types });
    this.#executor.describe(plan, []);
  }

  /** Without the error's text, which may quote what a client sent. */
  #logDefect(error: unknown): void {
    const { deps, visitor } = this.#options;
    const [name, frames] =
      error instanceof Error
        ? [error.name, error.stack?.split('\n').filter(isFrame).join('\n')]
        : [typeof error, ''];
    deps.log.error(
      { user: visitor.principal.name, error: name, frames },
      'a console statement failed by a defect',
    );
  }
}

function isFrame(line: string): boolean {
  return /^\s+at /.test(line);
}
