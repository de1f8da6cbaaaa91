import type { Notice } from '../wire/backend.ts';
import type { ConsoleDeps, Visitor } from './deps.ts';
import type { Settings } from './settings.ts';
import type { Operand } from './sql/words.ts';
import type { Transaction } from './transaction.ts';
import type { Column, Row } from './types.ts';

/** What a session keeps from one statement to the next. */
export interface SessionState {
  readonly settings: Settings;
  readonly transaction: Transaction;
  /** Forgets prepared statements. @param name null: all. @returns whether there was one */
  forgetPrepared(name: string | null): boolean;
}

/** Everything that a running statement may use. */
export interface Execution {
  readonly deps: ConsoleDeps;
  readonly visitor: Visitor;
  readonly state: SessionState;
  /** @throws SqlError 22004 for a parameter that is NULL */
  readonly text: (operand: Operand) => string;
  /** How many rows are wanted next: no more need be made at once, since what is not sent is kept. */
  readonly wanted: () => number;
  /** A parameter by its number; null: NULL. */
  readonly parameter: (index: number) => string | null;
  readonly notice: (notice: Notice) => void;
  /** Tells the client that a setting has another value. */
  readonly report: (name: string) => void;
}

/** Rows come in batches; what is returned in the end is the command tag. */
export type Run = AsyncGenerator<readonly Row[], string, void>;

/** A statement that is ready to run. */
export interface Plan {
  /** Null: it gives no rows. */
  readonly columns: readonly Column[] | null;
  /** May run where a transaction has failed. */
  readonly endsTransaction?: boolean;
  /** Changes something beyond this session: it is not left alone once it has begun. */
  readonly changes?: boolean;
  run(execution: Execution): Run;
}

/** A plan that gives no rows. @param work gives the command tag */
export function command(
  work: (execution: Execution) => string | Promise<string>,
  more: Pick<Plan, 'changes' | 'endsTransaction'> = {},
): Plan {
  return {
    columns: null,
    ...more,
    async *run(execution) {
      // A generator, as all plans are; this one has nothing to give on its way.
      yield [];
      return work(execution);
    },
  };
}

/** A plan that gives all of its rows at once. */
export function table(
  columns: readonly Column[],
  tag: (rows: number) => string,
  work: (execution: Execution) => readonly Row[] | Promise<readonly Row[]>,
  more: Pick<Plan, 'changes'> = {},
): Plan {
  return {
    columns,
    ...more,
    async *run(execution) {
      const rows = await work(execution);
      yield rows;
      return tag(rows.length);
    },
  };
}

/** How a kind of thing is shown: a column and what is shown of the thing there. */
export type View<T> = readonly (Column & { readonly of: (item: T) => Row[number] })[];

export function columnsOf<T>(view: View<T>): readonly Column[] {
  return view.map(({ name, type }) => ({ name, type }));
}

export function rowOf<T>(view: View<T>, item: T): Row {
  return view.map(({ of }) => of(item));
}

export const SHOWN = (): string => 'SHOW';
