import type { Execution, Plan } from '../plan.ts';
import type { Expression, Item } from '../sql/expression.ts';
import type { CatalogSource, Select } from '../sql/statement.ts';
import { SqlError } from '../sql-error.ts';
import { textOf, type Column, type Row, type Value } from '../types.ts';
import { catalogTable, type CatalogTable } from './catalog.ts';
import { demandEvaluable, evaluate, typeOf, type Columns } from './evaluate.ts';

/**
 * SELECT without a table works its values out. One about the catalogue has the columns that it asks for, so that tools can
 * browse, and rows only where they would not connect without.
 */
export function selectPlan({ items, source }: Select): Plan {
  if (source === null) return valuesPlan(items);
  const first = catalogTable(source.relations[0] ?? '');
  const isJoin = source.relations.length > 1;
  if (first !== null && !isJoin) return tablePlan(items, source, first);
  return areAggregates(items) && !source.isGrouped ? aggregatePlan(items) : emptyPlan(items);
}

function valuesPlan(items: readonly Item[]): Plan {
  const expressions = items.flatMap((item) =>
    item.kind === 'value' && item.expression !== null ? [item.expression] : [],
  );
  expressions.forEach(demandEvaluable);
  return plan(
    items.flatMap((item) => columnsOf(item, [])),
    (execution) => [expressions.map((expression) => evaluate(expression, execution, null))],
  );
}

function tablePlan(
  items: readonly Item[],
  source: CatalogSource,
  { columns, key, rows }: CatalogTable,
): Plan {
  if (areAggregates(items)) {
    return plan(
      items.flatMap((item) => columnsOf(item, columns)),
      (execution) => {
        const count = picked(rows(execution), key, source, execution).length;
        return [items.map((item) => (isCount(item) ? count : null))];
      },
    );
  }
  return plan(
    items.flatMap((item) => columnsOf(item, columns)),
    (execution) =>
      picked(rows(execution), key, source, execution).map((row) =>
        items.flatMap((item) => cellsOf(item, row, columns, execution)),
      ),
  );
}

/** Conditions are not worked out: a text among them means that the rows are wanted whose key it is. */
function picked(
  rows: readonly Columns[],
  key: string,
  { filters }: CatalogSource,
  execution: Execution,
): readonly Columns[] {
  if (filters.length === 0) return rows;
  const wanted = new Set(filters.map((filter) => lowered(evaluate(filter, execution, null))));
  return rows.filter((row) => wanted.has(lowered(row[key] ?? null)));
}

function lowered(value: Value): string {
  return value === null ? '' : textOf(value).slice(0, LONGEST_KEY).toLowerCase();
}

/** No key is longer; a parameter that stands in thousands of conditions may be. */
const LONGEST_KEY = 1000;

function cellsOf(
  item: Item,
  row: Columns,
  columns: readonly Column[],
  execution: Execution,
): readonly Value[] {
  if (item.kind === 'star') return columns.map(({ name }) => row[name] ?? null);
  return [item.expression === null ? null : tried(item.expression, row, execution)];
}

/** What can not be worked out is NULL: somebody browses, and shall see the rest. */
function tried(expression: Expression, row: Columns, execution: Execution): Value {
  try {
    return evaluate(expression, execution, row);
  } catch (error) {
    if (error instanceof SqlError) return null;
    throw error;
  }
}

function aggregatePlan(items: readonly Item[]): Plan {
  return plan(
    items.flatMap((item) => columnsOf(item, [])),
    () => [items.map(overNothing)],
  );
}

/** pgjdbc joins the words of pg_get_keywords() and wants some text. */
function overNothing(item: Item): Value {
  if (isCount(item)) return 0;
  return isCallOf(item, JOINED) ? '' : null;
}

/** A table that nobody here knows has no columns to put in the place of its `*`; clients want one at least. */
function emptyPlan(items: readonly Item[]): Plan {
  const columns = items.flatMap((item) => columnsOf(item, []));
  return plan(columns.length > 0 ? columns : [{ name: 'oid', type: 'int8' }], () => []);
}

const AGGREGATES = new Set([
  'count',
  'string_agg',
  'array_agg',
  'max',
  'min',
  'sum',
  'avg',
  'bool_and',
  'bool_or',
]);

/** They give a row where there are no rows. */
function areAggregates(items: readonly Item[]): boolean {
  return items.length > 0 && items.every((item) => isCallOf(item, AGGREGATES));
}

const COUNT = new Set(['count']);
const JOINED = new Set(['string_agg']);

function isCount(item: Item): boolean {
  return isCallOf(item, COUNT);
}

function isCallOf(item: Item, names: ReadonlySet<string>): boolean {
  return item.kind === 'value' && item.expression?.kind === 'call' && names.has(item.expression.name);
}

/** @param columns of the table, for a `*` */
function columnsOf(item: Item, columns: readonly Column[]): readonly Column[] {
  if (item.kind === 'star') return columns;
  if (isCount(item)) return [{ name: item.name, type: 'int8' }];
  const { name, expression } = item;
  if (expression?.kind === 'column') {
    const known = columns.find((column) => column.name === expression.name);
    return [{ name, type: known?.type ?? 'text' }];
  }
  return [{ name, type: expression === null ? 'text' : typeOf(expression) }];
}

function plan(columns: readonly Column[], work: (execution: Execution) => readonly Row[]): Plan {
  return {
    columns,
    // eslint-disable-next-line @typescript-eslint/require-await -- all plans are asynchronous; this one need not wait
    async *run(execution) {
      const rows = work(execution);
      yield rows;
      return `SELECT ${rows.length}`;
    },
  };
}
