import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import pg from 'pg';
import { expect, test } from 'vitest';
import { childrenOf } from '../support/child.ts';
import { describeWith } from '../support/clients.ts';
import { prepareGround } from '../support/gateway.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';

/** Opens a listening socket for each name on a free port, and becomes the program that is named then, as systemd would. */
const LAUNCHER = `
  use Socket;
  $^F = 100;
  my @names = split /:/, shift @ARGV;
  for (@names) {
    socket(my $s, PF_INET, SOCK_STREAM, 0) or die; push @kept, $s;
    bind($s, sockaddr_in(0, inet_aton('127.0.0.1'))) or die; listen($s, 10) or die;
    push @ports, (sockaddr_in(getsockname($s)))[0];
  }
  $ENV{'OPENED_PORTS'} = join(':', @ports);
  die "not the first free numbers" if fileno($kept[0]) != 3;
  @ENV{'LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'} = ($$, scalar @names, join(':', @names));
  exec @ARGV or die;`;

/** Ports of the sockets that the launcher opened for the process that it became, in their order. */
function openedPorts(pid: number): number[] {
  const opened = /(?:^|\0)OPENED_PORTS=([\d:]+)/.exec(readFileSync(`/proc/${pid}/environ`, 'latin1'))?.[1];
  return (opened ?? '').split(':').map(Number);
}

/** Inodes of the sockets that a process has under numbers that systemd gives. */
function inherited(pid: number): string[] {
  const held = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  return [3, 4, 5].filter((fd) => held.has(fd)).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
}

describeWith('perl', 'sockets that the service manager opened', (perl) => {
  const wrapped = (names: string): string[] => [perl, '-e', LAUNCHER, names];

  test.each(['1', '2'])('are served, workers = %s', async (workers) => {
    // Ports that would not do, so that it shows if they were used.
    const ground = await prepareGround({
      workers,
      'listen.postgres': '127.0.0.1:1',
      'listen.http': '127.0.0.1:1',
      'listen.metrics': 'off',
    });
    const gateway = await startGatewayProcess({}, ground, wrapped('http:postgres:metrics'));
    try {
      expect(gateway.info.postgres).toEqual({ host: '127.0.0.1', port: gateway.port });
      const { http, metrics: measured } = gateway.info;
      const served = [http?.url, `tcp://127.0.0.1:${gateway.port}`, measured?.url];
      expect(served.map((url) => Number(new URL(url ?? '').port))).toEqual(openedPorts(gateway.pid));
      const ada = await gateway.addUser('ada');
      const client = new pg.Client(gateway.clientConfig(ada.name, ada.password));
      await client.connect();
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      await client.end();
      expect((await fetch(`${gateway.info.http?.url ?? ''}/readyz`)).status).toBe(200);
      const metrics = await fetch(`${gateway.info.metrics?.url ?? ''}/metrics`);
      expect(await metrics.text()).toContain('patgate_logins_total');
      const own = inherited(gateway.pid);
      expect(own.every((link) => link.startsWith('socket:'))).toBe(true);
      if (workers !== '1') {
        // Nobody else has them: they are closed when the gateway closes them.
        for (const child of childrenOf(gateway.pid)) {
          expect(inherited(child).filter((link) => own.includes(link))).toEqual([]);
        }
      }
    } finally {
      await gateway.stop();
      await ground.drop();
    }
  });

  test('of an unknown name are refused', async () => {
    const ground = await prepareGround();
    try {
      await expect(startGatewayProcess({}, ground, wrapped('postgres:web'))).rejects.toThrow(
        'socket activation: a socket is named "web"',
      );
    } finally {
      await ground.drop();
    }
  });
});
