import { copyFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CA_FILE, recipesFor } from '../../src/http/web/recipes.ts';
import { describeWith } from '../support/clients.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { Jdbc } from '../support/jdbc/jdbc.ts';
import { Odbc } from '../support/odbc.ts';
import { runClient } from '../support/run-client.ts';
import { makeDirectory } from '../support/temporary.ts';

/** What shells, URLs and connection strings each take for something else. psqlodbc has no way to write `;` in a name. */
const NAME = `Zoë O'Brien 50% "b" &c=\\d`;

describe('recipes of the web page', () => {
  let gateway: GatewayProcess;
  let directory: string;
  let token: string;

  beforeAll(async () => {
    [gateway, directory] = await Promise.all([startGatewayProcess(), makeDirectory()]);
    ({ token } = await gateway.issueToken(await gateway.addUser(NAME)));
    await copyFile(gateway.caFile, path.join(directory, CA_FILE));
  });
  afterAll(async () => {
    await gateway.stop();
    await rm(directory, { recursive: true });
  });

  function code(id: string): string {
    const { host, port, engine } = gateway;
    const target = { host, port, database: engine.name, user: NAME, token, ca: true, tls: true };
    return recipesFor(target).find((recipe) => recipe.id === id)?.code ?? '';
  }

  /** For programs that run elsewhere. */
  function absolute(text: string): string {
    return text.replace(CA_FILE, path.join(directory, CA_FILE));
  }

  describeWith('psql', 'pasted', () => {
    test('into a shell, in the folder of the CA certificate', async () => {
      const line = `cd ${directory} && ${code('psql')} -XAtc 'SELECT 6 * 7'`;
      expect(await runClient('sh', ['-c', line])).toEqual({ code: 0, stdout: '42\n', stderr: '' });
    });
  });

  describeWith('jdbc', 'pasted', (installed) => {
    test('as a URL', async () => {
      const jdbc = Jdbc.start(installed);
      try {
        await jdbc.withConnection(absolute(code('jdbc')), {}, async () => {
          expect(await jdbc.call('query', 'SELECT 6 * 7')).toEqual(['42']);
        });
      } finally {
        await jdbc.stop();
      }
    });
  });

  describeWith('odbc', 'pasted', (installed) => {
    test('as a connection string', async () => {
      const odbc = new Odbc(installed);
      try {
        const connection = await odbc.connect(absolute(code('odbc')));
        expect(connection.one('SELECT 6 * 7')).toBe('42');
        connection.close();
      } finally {
        odbc.close();
      }
    });
  });
});
