import type { Execution } from '../plan.ts';
import type { Column } from '../types.ts';
import type { Columns } from './evaluate.ts';

/** A table of the catalogue that has rows. All others are empty: there are no tables here to be described. */
export interface CatalogTable {
  readonly columns: readonly Column[];
  /** The column that queries pick rows by. */
  readonly key: string;
  readonly rows: (execution: Execution) => readonly Columns[];
}

const text = (name: string): Column => ({ name, type: 'text' });
const bool = (name: string): Column => ({ name, type: 'bool' });
const int = (name: string): Column => ({ name, type: 'int8' });

/** DBeaver does not open a connection whose database it does not find in here. */
const DATABASES: CatalogTable = {
  key: 'datname',
  columns: [
    int('oid'),
    text('datname'),
    int('datdba'),
    int('encoding'),
    text('datcollate'),
    text('datctype'),
    bool('datistemplate'),
    bool('datallowconn'),
    int('datconnlimit'),
    int('dattablespace'),
    text('datacl'),
  ],
  rows: ({ visitor }) => [
    {
      oid: 1,
      datname: visitor.database,
      datdba: 10,
      encoding: 6,
      datcollate: 'C',
      datctype: 'C',
      datistemplate: false,
      datallowconn: true,
      datconnlimit: -1,
      dattablespace: 0,
      datacl: null,
    },
  ],
};

const SETTINGS: CatalogTable = {
  key: 'name',
  columns: [
    'name',
    'setting',
    'unit',
    'category',
    'short_desc',
    'context',
    'vartype',
    'source',
    'boot_val',
    'reset_val',
  ].map(text),
  rows: ({ state }) =>
    state.settings.all.map(([name, setting]) => ({
      name,
      setting,
      category: 'SQL console',
      short_desc: '',
      context: 'user',
      vartype: 'string',
      source: 'default',
      boot_val: setting,
      reset_val: setting,
    })),
};

/** pgjdbc learns from this row how long names may be, and fails without. */
const TYPES: CatalogTable = {
  key: 'typname',
  columns: [int('oid'), text('typname'), int('typlen'), text('typtype')],
  rows: () => [{ oid: 19, typname: 'name', typlen: 64, typtype: 'b' }],
};

const TABLES: Readonly<Record<string, CatalogTable>> = {
  pg_database: DATABASES,
  pg_settings: SETTINGS,
  pg_show_all_settings: SETTINGS,
  pg_type: TYPES,
};

/** @returns null for an empty one */
export function catalogTable(name: string): CatalogTable | null {
  return Object.hasOwn(TABLES, name) ? (TABLES[name] ?? null) : null;
}
