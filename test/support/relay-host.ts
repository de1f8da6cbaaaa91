/** Listens on the address named and carries all connections to the Unix socket named: `relay-host ADDRESS SOCKET`. Prints its port. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

const [host = '127.0.0.1', path = ''] = process.argv.slice(2);
const server = createServer((socket) => {
  const behind = connect({ path });
  for (const [from, to] of [
    [socket, behind],
    [behind, socket],
  ] as const) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
});
server.listen(0, host, () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
await once(process.stdin.resume(), 'end');
process.exit();
