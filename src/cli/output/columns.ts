import type { CsvValue } from '../../core/csv.ts';

export type Cell = CsvValue;

/** How a property of a row is shown. JSON has whole rows; CSV has every column, a table those with a heading. */
export interface Column<Row> {
  /** Name of the property, and of the CSV column. */
  readonly key: string;
  /** Heading in a list; null: shown only when one row is shown by itself. */
  readonly heading: string | null;
  /** What is shown of it. */
  value(row: Row): Cell;
}

/** Columns of one kind of row: a property as it is, with or without a heading, or something computed. */
export function columnsOf<Row>(
  ...columns: readonly (Column<Row> | CellKey<Row> | readonly [CellKey<Row>, string])[]
): readonly Column<Row>[] {
  return columns.map((each) => {
    if (typeof each === 'string') return ofProperty(each, null);
    return isPair(each) ? ofProperty(each[0], each[1]) : each;
  });
}

type CellKey<Row> = { [K in keyof Row & string]: Row[K] extends Cell ? K : never }[keyof Row & string];

function ofProperty<Row>(key: CellKey<Row>, heading: string | null): Column<Row> {
  return { key, heading, value: (row) => row[key] as Cell };
}

function isPair<Row>(
  each: Column<Row> | readonly [CellKey<Row>, string],
): each is readonly [CellKey<Row>, string] {
  return Array.isArray(each);
}
