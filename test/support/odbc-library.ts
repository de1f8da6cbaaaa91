import koffi from 'koffi';
import type { Clients } from './clients.ts';

export type OdbcLibrary = ReturnType<typeof declare>;

/** sql.h and sqlext.h */
export const SQL = {
  success: 0,
  successWithInfo: 1,
  noData: 100,
  nullData: -1,
  handleEnv: 1,
  handleDbc: 2,
  handleStmt: 3,
  attrOdbcVersion: 200,
  odbcVersion3: 3,
  attrAutocommit: 102,
  attrRowsFetchedPtr: 26,
  attrRowArraySize: 27,
  closeCursor: 0,
  paramInput: 1,
  rollback: 1,
  typeInteger: 4,
  typeLongVarbinary: -4,
  cChar: 1,
  cBinary: -2,
  cSlong: -16,
  nts: -3,
} as const;

/** Functions of the driver manager, by their names without `SQL`. */
export function loadOdbc({ manager, driver }: NonNullable<Clients['odbc']>): OdbcLibrary {
  // It takes the encoding of its sessions from there.
  process.env['LC_ALL'] = 'C.UTF-8';
  // The driver brings libpq, and that the system's OpenSSL: with `deep` (RTLD_DEEPBIND) they keep apart from node's. The
  // manager would load it without.
  koffi.load(driver, { deep: true });
  return declare(koffi.load(manager, { deep: true }));
}

function declare(library: ReturnType<typeof koffi.load>) {
  const sql = (name: string, parameters: string) => library.func(`int16_t SQL${name}(${parameters})`);
  return {
    allocHandle: sql('AllocHandle', 'int16_t type, void *parent, _Out_ void **handle'),
    freeHandle: sql('FreeHandle', 'int16_t type, void *handle'),
    setEnvAttr: sql('SetEnvAttr', 'void *env, int32_t attribute, intptr_t value, int32_t length'),
    setConnectAttr: sql('SetConnectAttr', 'void *dbc, int32_t attribute, intptr_t value, int32_t length'),
    driverConnect: sql(
      'DriverConnect',
      'void *dbc, void *window, const char *text, int16_t length, void *out, int16_t size, void *outLength, uint16_t completion',
    ),
    disconnect: sql('Disconnect', 'void *dbc'),
    endTran: sql('EndTran', 'int16_t type, void *handle, int16_t completion'),
    execDirect: sql('ExecDirect', 'void *stmt, const char *sql, int32_t length'),
    prepare: sql('Prepare', 'void *stmt, const char *sql, int32_t length'),
    execute: sql('Execute', 'void *stmt'),
    cancel: sql('Cancel', 'void *stmt'),
    bindParameter: sql(
      'BindParameter',
      'void *stmt, uint16_t number, int16_t direction, int16_t cType, int16_t sqlType, size_t size, int16_t digits, void *value, intptr_t length, void *indicator',
    ),
    bindCol: sql(
      'BindCol',
      'void *stmt, uint16_t column, int16_t cType, void *value, intptr_t length, void *indicator',
    ),
    setStmtAttr: sql('SetStmtAttr', 'void *stmt, int32_t attribute, intptr_t value, int32_t length'),
    setStmtPointer: library.func('SQLSetStmtAttr', 'int16_t', ['void *', 'int32_t', 'void *', 'int32_t']),
    fetch: sql('Fetch', 'void *stmt'),
    numResultCols: sql('NumResultCols', 'void *stmt, _Out_ int16_t *count'),
    getData: sql(
      'GetData',
      'void *stmt, uint16_t column, int16_t cType, void *value, intptr_t length, void *indicator',
    ),
    freeStmt: sql('FreeStmt', 'void *stmt, uint16_t option'),
    getDiagRec: sql(
      'GetDiagRec',
      'int16_t type, void *handle, int16_t number, void *state, void *native, void *text, int16_t size, void *length',
    ),
  };
}
