import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import {
  CommandCode,
  createAdvancedServer,
  type DbRawCommand,
  type IAdvanceServerSession,
  type IResponseWriter,
} from 'pg-server';
import { expect, test } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { withClient } from '../support/query.ts';

const sockets = new Set<Socket>();

/** Lets everybody in, and says what it was asked. */
class Parrot implements IAdvanceServerSession {
  onConnect(socket: Socket): void {
    sockets.add(socket);
    socket.on('error', () => undefined);
  }

  onCommand({ command }: DbRawCommand, response: IResponseWriter): void {
    if (command.type === CommandCode.init) {
      response.authenticationOk();
      response.parameterStatus('server_version', '0.1 (parrot)');
      response.parameterStatus('client_encoding', 'UTF8');
      response.backendKeyData(17, 4);
      response.readyForQuery();
    } else if (command.type === CommandCode.query) {
      const text = { tableID: 0, columnID: 0, dataTypeID: 25, dataTypeSize: -1, dataTypeModifier: -1 };
      response.rowDescription([{ ...text, name: 'heard', mode: 'text' }]);
      response.dataRow([command.query]);
      response.commandComplete('SELECT 1');
      response.readyForQuery();
    }
  }
}

test('an engine need not be PostgreSQL: what speaks the protocol is carried as it is', async () => {
  const server = createAdvancedServer(Parrot);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const gateway = await startGateway({
    'engine.url': `postgres://service@127.0.0.1:${port}/birds?sslmode=disable`,
    'pool.reuse': 'off',
  });
  try {
    const ada = await gateway.addUser('ada');
    await withClient(gateway.clientConfig('ada', ada.password, 'birds'), async (client) => {
      const { rows } = await client.query('pieces of eight');
      expect(rows).toEqual([{ heard: 'pieces of eight' }]);
    });
  } finally {
    await gateway.stop();
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  }
});
