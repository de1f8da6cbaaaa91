import { unsupported, SqlError } from '../sql-error.ts';
import type { Execution } from '../plan.ts';
import type { Expression } from '../sql/expression.ts';
import { textOf, type TypeName, type Value } from '../types.ts';

/** Values of the columns of one catalogue row, by name. */
export type Columns = Readonly<Record<string, Value>>;

/**
 * Works an expression out.
 * @param columns of the row at hand; null: there is none
 * @throws SqlError 0A000 for a function that the console does not have, 42703, 22P02
 */
export function evaluate(expression: Expression, execution: Execution, columns: Columns | null): Value {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'parameter':
      return execution.parameter(expression.index);
    case 'column':
      return columnValue(expression.name, columns);
    case 'call': {
      const args = expression.args.map((arg) => evaluate(arg, execution, columns));
      return functionOf(expression.name).run(execution, args);
    }
    case 'cast':
      return cast(evaluate(expression.of, execution, columns), expression.to);
    default:
      return expression satisfies never;
  }
}

/** The type of an expression's column. */
export function typeOf(expression: Expression): TypeName {
  switch (expression.kind) {
    case 'literal':
      return expression.type;
    case 'cast':
      return expression.to;
    case 'call':
      return Object.hasOwn(FUNCTIONS, expression.name) ? functionOf(expression.name).type : 'text';
    case 'parameter':
    case 'column':
      return 'text';
    default:
      return expression satisfies never;
  }
}

/** @throws SqlError 0A000 unless the console has every function in it; 42703 for a column where there is no table */
export function demandEvaluable(expression: Expression): void {
  if (expression.kind === 'column') columnValue(expression.name, null);
  if (expression.kind === 'cast') demandEvaluable(expression.of);
  if (expression.kind !== 'call') return;
  functionOf(expression.name);
  expression.args.forEach(demandEvaluable);
}

interface SqlFunction {
  readonly type: TypeName;
  readonly run: (execution: Execution, args: readonly Value[]) => Value;
}

const now: SqlFunction = { type: 'timestamptz', run: ({ deps }) => deps.clock.now() };
const userName: SqlFunction = { type: 'text', run: ({ visitor }) => visitor.principal.name };
const databaseName: SqlFunction = { type: 'text', run: ({ visitor }) => visitor.database };
const schema: SqlFunction = { type: 'text', run: () => 'public' };
const constant = (value: Value, type: TypeName): SqlFunction => ({ type, run: () => value });
const nothing = constant(null, 'text');

/** What clients call when they connect, check a connection, or browse. */
const FUNCTIONS: Readonly<Record<string, SqlFunction>> = {
  clock_timestamp: now,
  col_description: nothing,
  current_catalog: databaseName,
  current_database: databaseName,
  current_role: userName,
  current_schema: schema,
  current_schemas: constant(['public'], 'text[]'),
  current_setting: {
    type: 'text',
    run: ({ state }, [name, isOptional]) =>
      isOptional === true
        ? state.settings.get(textArgument(name))
        : state.settings.demand(textArgument(name)),
  },
  current_timestamp: now,
  current_user: userName,
  getdatabaseencoding: constant('UTF8', 'text'),
  inet_client_addr: { type: 'text', run: ({ visitor }) => visitor.address },
  now,
  obj_description: nothing,
  pg_advisory_unlock_all: constant('', 'text'),
  pg_backend_pid: { type: 'int4', run: ({ visitor }) => visitor.processId },
  pg_client_encoding: constant('UTF8', 'text'),
  pg_encoding_to_char: constant('UTF8', 'text'),
  pg_get_userbyid: nothing,
  pg_is_in_recovery: constant(false, 'bool'),
  session_user: userName,
  set_config: {
    type: 'text',
    run: ({ state, report }, [name, value]) => {
      const setting = textArgument(name);
      if (state.settings.set(setting, textArgument(value))) report(setting);
      return state.settings.get(setting);
    },
  },
  shobj_description: nothing,
  statement_timestamp: now,
  transaction_timestamp: now,
  user: userName,
  version: {
    type: 'text',
    run: ({ deps, state }) =>
      `PostgreSQL ${state.settings.get('server_version') ?? ''}, SQL console of patgate ${deps.version}`,
  },
};

function functionOf(name: string): SqlFunction {
  const found = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (found === undefined) throw unsupported(`the function ${name.slice(0, 63)}()`);
  return found;
}

function textArgument(value: Value | undefined): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) throw new SqlError('22004', 'an argument must not be NULL');
  return textOf(value);
}

function columnValue(name: string, columns: Columns | null): Value {
  if (columns !== null) return Object.hasOwn(columns, name) ? (columns[name] ?? null) : null;
  throw new SqlError('42703', `column "${name.slice(0, 63)}" does not exist`);
}

function cast(value: Value, to: TypeName): Value {
  if (value === null) return null;
  switch (to) {
    case 'int4':
    case 'int8':
    case 'float8':
      return number(textOf(value), to);
    case 'bool':
      return /^(?:t|true|on|yes|y|1)$/i.test(textOf(value));
    case 'text':
      return typeof value === 'string' ? value : textOf(value);
    case 'text[]':
    case 'timestamptz':
    case 'uuid':
      throw unsupported(`a cast to ${to}`);
    default:
      return to satisfies never;
  }
}

const BOUNDS = { int4: 2 ** 31, int8: Number.MAX_SAFE_INTEGER } as const;

/** Zeros in front and behind included. */
const LONGEST_NUMBER = 1000;

function number(text: string, to: 'int4' | 'int8' | 'float8'): number {
  if (text.length > LONGEST_NUMBER) throw new SqlError('22P02', `invalid input syntax for type ${to}`);
  const value = Number(text);
  const fits =
    to === 'float8' ? Number.isFinite(value) : Number.isInteger(value) && Math.abs(value) < BOUNDS[to];
  if (text.trim() === '' || !fits) throw new SqlError('22P02', `invalid input syntax for type ${to}`);
  return value;
}
