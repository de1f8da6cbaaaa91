import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { prepareGround, startGateway, type TestGateway } from '../support/gateway.ts';
import { openSession, ping } from '../support/session.ts';
import { startTcpRelay, type TcpRelay } from '../support/tcp-relay.ts';

const MOST = 5;

let cluster: TestCluster;
let network: TcpRelay;
let gateway: TestGateway;

beforeAll(async () => {
  cluster = await startCluster();
  network = await startTcpRelay({ host: cluster.host, port: cluster.port });
  const url = `${network.through(cluster.url())}?sslmode=disable&connect_timeout=30`;
  const ground = await prepareGround({ 'login.max_pending': String(MOST) }, { engine: () => url });
  gateway = await startGateway({}, ground);
});
afterAll(async () => {
  await gateway.stop();
  await network.close();
  await cluster.drop();
});

it('a login that waits for its engine does not make room for connections that have proved nothing', async () => {
  const ada = await gateway.addUser('ada');
  network.silence();
  const opening = openSession(gateway.clientConfig('ada', ada.password, 'postgres'));
  await eventually(() => expect(network.open).toBe(1));
  const silent: Socket[] = [];
  let evicted = 0;
  try {
    // Those of them that are old enough are put out, the oldest first; the login is older than all.
    await eventually(async () => {
      const socket = connect(gateway.port, '127.0.0.1');
      silent.push(socket);
      socket.on('error', () => undefined).on('end', () => (evicted += 1));
      socket.resume();
      await once(socket, 'connect');
      expect(
        gateway.logged().filter(({ msg }) => /made room for another/.test(String(msg))).length,
      ).toBeGreaterThan(MOST);
    });
    expect(evicted).toBeGreaterThan(0);
    network.speak();
    const { client } = await opening;
    expect(await ping(client)).toBe(1);
    await client.end();
  } finally {
    network.speak();
    for (const socket of silent) socket.destroy();
  }
});
