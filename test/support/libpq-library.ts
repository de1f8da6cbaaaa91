import { readdirSync } from 'node:fs';
import path from 'node:path';
import koffi from 'koffi';
import { installedNative } from '../../src/embedded/native.ts';

export type LibpqLibrary = ReturnType<typeof declare>;

/** Functions of the libpq that comes with the embedded PostgreSQL, by their names without `PQ`. */
export async function loadLibpq(): Promise<LibpqLibrary> {
  const { root } = await installedNative();
  const directory = path.join(root, process.platform === 'win32' ? 'bin' : 'lib');
  const name = readdirSync(directory).find((file) => /^libpq(\.so\.5\.|\.5.*\.dylib|\.dll)/.test(file));
  if (name === undefined) throw new Error(`no libpq in ${directory}`);
  // libpq comes with an OpenSSL of its own. Without `deep` (RTLD_DEEPBIND) its calls end up in that of node, and crash.
  return declare(koffi.load(path.join(directory, name), { deep: true }));
}

/** libpq-fe.h, PGauthData. */
export const OAUTH_BEARER_TOKEN = 1;

export const AuthDataHook = koffi.proto('int AuthDataHook(int type, void *conn, void *data)');

/** libpq-fe.h, PGoauthBearerRequest. */
export const BearerRequest = koffi.struct({
  openid_configuration: 'void *',
  scope: 'void *',
  async: 'void *',
  cleanup: 'void *',
  token: 'void *',
  user: 'void *',
});

/** libpq-fe.h, PGnotify. */
export const Notify = koffi.struct({
  relname: 'const char *',
  be_pid: 'int',
  extra: 'const char *',
  next: 'void *',
});

/** libpq-fe.h. */
function declare(library: ReturnType<typeof koffi.load>) {
  const pq = (result: string, name: string, parameters: string) =>
    library.func(`${result} PQ${name}(${parameters})`);
  return {
    libVersion: pq('int', 'libVersion', ''),
    connectdb: pq('void *', 'connectdb', 'const char *conninfo'),
    finish: pq('void', 'finish', 'void *conn'),
    status: pq('int', 'status', 'void *conn'),
    errorMessage: pq('const char *', 'errorMessage', 'void *conn'),
    fullProtocolVersion: pq('int', 'fullProtocolVersion', 'void *conn'),
    backendPid: pq('int', 'backendPID', 'void *conn'),
    sslAttribute: pq('const char *', 'sslAttribute', 'void *conn, const char *name'),
    parameterStatus: pq('const char *', 'parameterStatus', 'void *conn, const char *name'),
    setAuthDataHook: pq('void', 'setAuthDataHook', 'void *hook'),

    exec: pq('void *', 'exec', 'void *conn, const char *sql'),
    execParams: pq(
      'void *',
      'execParams',
      'void *conn, const char *sql, int count, void *types, uint8_t **values, int *lengths, int *formats, int resultFormat',
    ),
    prepare: pq('void *', 'prepare', 'void *conn, const char *name, const char *sql, int count, void *types'),
    execPrepared: pq(
      'void *',
      'execPrepared',
      'void *conn, const char *name, int count, uint8_t **values, int *lengths, int *formats, int resultFormat',
    ),
    sendQuery: pq('int', 'sendQuery', 'void *conn, const char *sql'),
    sendQueryParams: pq(
      'int',
      'sendQueryParams',
      'void *conn, const char *sql, int count, void *types, uint8_t **values, int *lengths, int *formats, int resultFormat',
    ),
    getResult: pq('void *', 'getResult', 'void *conn'),
    setChunkedRowsMode: pq('int', 'setChunkedRowsMode', 'void *conn, int rows'),
    enterPipelineMode: pq('int', 'enterPipelineMode', 'void *conn'),
    exitPipelineMode: pq('int', 'exitPipelineMode', 'void *conn'),
    pipelineSync: pq('int', 'pipelineSync', 'void *conn'),

    resultStatus: pq('int', 'resultStatus', 'void *result'),
    resultErrorField: pq('const char *', 'resultErrorField', 'void *result, int field'),
    ntuples: pq('int', 'ntuples', 'void *result'),
    nfields: pq('int', 'nfields', 'void *result'),
    getvalue: pq('void *', 'getvalue', 'void *result, int row, int column'),
    getlength: pq('int', 'getlength', 'void *result, int row, int column'),
    getisnull: pq('int', 'getisnull', 'void *result, int row, int column'),
    clear: pq('void', 'clear', 'void *result'),
    freemem: pq('void', 'freemem', 'void *pointer'),

    getCopyData: pq('int', 'getCopyData', 'void *conn, _Out_ void **buffer, int async'),
    putCopyData: pq('int', 'putCopyData', 'void *conn, uint8_t *buffer, int length'),
    putCopyEnd: pq('int', 'putCopyEnd', 'void *conn, const char *error'),
    consumeInput: pq('int', 'consumeInput', 'void *conn'),
    notifies: pq('void *', 'notifies', 'void *conn'),

    getCancel: pq('void *', 'getCancel', 'void *conn'),
    cancel: pq('int', 'cancel', 'void *cancel, uint8_t *error, int size'),
    freeCancel: pq('void', 'freeCancel', 'void *cancel'),
    cancelCreate: pq('void *', 'cancelCreate', 'void *conn'),
    cancelBlocking: pq('int', 'cancelBlocking', 'void *cancel'),
    cancelErrorMessage: pq('const char *', 'cancelErrorMessage', 'void *cancel'),
    cancelFinish: pq('void', 'cancelFinish', 'void *cancel'),
  };
}
