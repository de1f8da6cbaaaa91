import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { eventually } from './eventually.ts';
import { temporaryDirectory } from './temporary.ts';

/** Takes datagrams for as long as it runs, and appends each to a file as one line. */
const RECEIVER = `
  use Socket; use IO::Handle;
  socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die; bind($s, sockaddr_un($ARGV[0])) or die;
  open(my $out, '>>', $ARGV[1]) or die; $out->autoflush(1);
  while (defined(recv($s, my $m, 4096, 0))) { $m =~ s/\\n/ /g; print $out "$m\\n"; }`;

/** A service manager's ear: a socket for systemd-notify to send to. A stand-in for that program would take whatever it is told. */
export interface ServiceManagerEar {
  /** For NOTIFY_SOCKET. */
  readonly socket: string;
  /** Every message so far, in one line each. */
  readonly heard: () => string[];
}

/** @param perl the program; it goes with the test */
export async function listenAsServiceManager(perl: string): Promise<ServiceManagerEar> {
  const directory = await temporaryDirectory();
  const [socket, file] = ['notify', 'heard'].map((name) => path.join(directory, name)) as [string, string];
  writeFileSync(file, '');
  const receiver = spawn(perl, ['-e', RECEIVER, socket, file], { stdio: 'ignore' });
  onTestFinished(async () => {
    receiver.kill();
    await once(receiver, 'exit');
  });
  await eventually(() => {
    if (!existsSync(socket)) throw new Error('nobody listens yet');
  });
  return {
    socket,
    heard: () =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '' && line !== 'BARRIER=1'),
  };
}
