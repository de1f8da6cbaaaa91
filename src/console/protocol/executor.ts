import type { ConsoleDeps, Visitor } from '../deps.ts';
import type { Execution, Plan, SessionState } from '../plan.ts';
import { SqlError } from '../sql-error.ts';
import { encodeValue, lengthOf, TYPES, type Row } from '../types.ts';
import type { Field } from '../../wire/result-messages.ts';
import type { Format } from '../../wire/session-messages.ts';
import type { Interrupt } from './interrupt.ts';
import type { Output } from './output.ts';
import { keep, letGo, type Portal } from './portal.ts';

export interface ExecutorOptions {
  readonly deps: ConsoleDeps;
  readonly visitor: Visitor;
  readonly state: SessionState;
  readonly output: Output;
  readonly interrupt: Interrupt;
  /** A portal is suspended, and keeps rows. @throws SqlError 54000 */
  readonly demandRoomFor: (portal: Portal) => void;
}

/** Of one row, in characters: a parameter may stand in each of its columns. */
const LONGEST_ROW = 1_048_576;

/** Runs plans and sends what they give. */
export class Executor {
  readonly #options: ExecutorOptions;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** @throws SqlError 25P02 for what may not run in a transaction that has failed */
  demandAllowed(plan: Plan | null): void {
    if (this.#options.state.transaction.status !== 'E' || plan === null || plan.endsTransaction === true)
      return;
    throw new SqlError(
      '25P02',
      'current transaction is aborted, commands ignored until end of transaction block',
    );
  }

  /**
   * Runs a portal on, and says how far it came: CommandComplete, PortalSuspended or EmptyQueryResponse.
   * @param maxRows 0: all
   * @throws whatever its statement fails with
   */
  async execute(portal: Portal, maxRows: number): Promise<void> {
    const { plan } = portal;
    const { output } = this.#options;
    this.demandAllowed(plan);
    if (plan === null) {
      output.result({ kind: 'emptyQueryResponse' });
      return;
    }
    if (portal.hasFailed || (portal.tag !== null && plan.columns === null))
      throw new SqlError('55000', 'portal cannot be run again');
    const isDone = await this.#attempt(portal, plan, maxRows > 0 ? maxRows : Number.POSITIVE_INFINITY);
    if (isDone) output.result({ kind: 'commandComplete', tag: portal.tag ?? '' });
    else output.result({ kind: 'portalSuspended' });
  }

  describe(plan: Plan | null, formats: readonly Format[]): void {
    const { output } = this.#options;
    if (plan === null || plan.columns === null) output.result({ kind: 'noData' });
    else output.result({ kind: 'rowDescription', fields: fieldsOf(plan, formats) });
  }

  /** One that fails is not run on, and keeps nothing. @returns as #advance */
  async #attempt(portal: Portal, plan: Plan, maxRows: number): Promise<boolean> {
    portal.hasFailed = true;
    try {
      const isDone = await this.#advance(portal, plan, maxRows);
      if (!isDone) this.#options.demandRoomFor(portal);
      portal.hasFailed = false;
      return isDone;
    } finally {
      if (portal.hasFailed) letGo(portal);
    }
  }

  /** @returns false when the limit was reached first */
  async #advance(portal: Portal, plan: Plan, maxRows: number): Promise<boolean> {
    const { output, interrupt, state } = this.#options;
    portal.run ??= plan.run(this.#execution(portal));
    portal.wanted = maxRows;
    for (;;) {
      for (; portal.sent < portal.batch.length; portal.sent += 1) {
        if (portal.wanted === 0) return false;
        portal.wanted -= 1;
        const values = cellsOf(portal.batch[portal.sent] ?? [], plan, portal.formats);
        output.result({ kind: 'dataRow', values });
        await output.breathe();
      }
      if (portal.tag !== null) return true;
      if (portal.wanted === 0) return false;
      const changes = plan.changes === true;
      const timeoutMs = state.settings.statementTimeoutMs;
      const next = await interrupt.guard(portal.run.next(), { timeoutMs, changes });
      if (next.done === true) portal.tag = next.value;
      keep(portal, next.done === true ? [] : next.value);
      if (changes) state.transaction.changed();
    }
  }

  #execution(portal: Portal): Execution {
    const { values } = portal;
    const { deps, visitor, state, output } = this.#options;
    const parameter = (index: number): string | null => values[index - 1] ?? null;
    return {
      deps,
      visitor,
      state,
      parameter,
      wanted: () => portal.wanted,
      text(operand) {
        const value = operand.kind === 'text' ? operand.text : parameter(operand.index);
        if (value === null) throw new SqlError('22004', 'a parameter must not be NULL here');
        return value;
      },
      notice: (notice) => output.say({ kind: 'noticeResponse', notice }),
      report(name) {
        const value = state.settings.get(name) ?? '';
        output.say({
          kind: 'parameterStatus',
          name: state.settings.nameOf(name),
          value: value.replaceAll('\0', ''),
        });
      },
    };
  }
}

/** @throws SqlError 54000 */
function cellsOf(row: Row, { columns }: Plan, formats: readonly Format[]): (Buffer | null)[] {
  const length = row.reduce((sum: number, value) => sum + lengthOf(value), 0);
  if (length > LONGEST_ROW) throw new SqlError('54000', 'the row is too large');
  return (columns ?? []).map(({ type }, index) => encodeValue(row[index] ?? null, type, formats[index] ?? 0));
}

function fieldsOf({ columns }: Plan, formats: readonly Format[]): Field[] {
  return (columns ?? []).map(({ name, type }, index) => ({
    name: name.replaceAll('\0', ''),
    type: TYPES[type].oid,
    size: TYPES[type].size,
    format: formats[index] ?? 0,
  }));
}
