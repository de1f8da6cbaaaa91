import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { connect, TLSSocket, type ConnectionOptions } from 'node:tls';
import type { TlsIdentity } from '../../src/tls/server-tls.ts';
import { Libpq } from './libpq.ts';
import { nodeHello } from './tls-answers.ts';

/** The first bytes of a client that speaks TLS. */
export interface CapturedHello {
  readonly name: string;
  readonly bytes: Buffer;
  /** A server that does not do finite fields asks it for another hello. */
  readonly retried: boolean;
}

/** Clients of Node, each with its options. */
const NODE_CLIENTS: readonly (readonly [name: string, options: ConnectionOptions, retried?: true])[] = [
  ['defaults', {}],
  ['server name and ALPN', { servername: 'localhost', ALPNProtocols: ['postgresql'] }],
  ['TLS 1.2', { maxVersion: 'TLSv1.2' }],
  ['TLS 1.3', { minVersion: 'TLSv1.3' }],
  ['TLS 1.2, one cipher', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }],
  ['one cipher', { ciphers: 'TLS_AES_128_GCM_SHA256' }],
  ['P-256', { ecdhCurve: 'P-256' }],
  ['P-384 first', { ecdhCurve: 'P-384:X25519' }],
  ['a finite field first', { ecdhCurve: 'ffdhe2048:X25519' }, true],
];

/** Hellos of the clients that there are here: Node's, libpq's, and OpenSSL's own if it is installed. */
export async function clientHellos(identity: TlsIdentity): Promise<CapturedHello[]> {
  const hellos: CapturedHello[] = [];
  const add = (name: string, bytes: Buffer | null, retried = false): void => {
    if (bytes !== null) hellos.push({ name, bytes, retried });
  };
  for (const [name, options, retried] of NODE_CLIENTS)
    add(`Node, ${name}`, await nodeHello(options), retried);
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const session = await sessionOf(identity, { maxVersion });
    add(`Node, resuming ${maxVersion}`, await nodeHello({ maxVersion, session }));
  }
  for (const sslnegotiation of ['postgres', 'direct']) {
    add(`libpq, ${sslnegotiation}`, await captured((port) => libpq({ port, sslnegotiation })));
  }
  for (const args of [[], ['-tls1_2'], ['-groups', 'P-384:X25519']]) {
    add(`openssl s_client ${args.join(' ')}`, await captured((port) => openssl(port, args)));
  }
  add(
    'openssl s_client, a finite field',
    await captured((port) => openssl(port, ['-groups', 'ffdhe3072:P-256'])),
    true,
  );
  return hellos;
}

const SSL_REQUEST = Buffer.from('0000000804d2162f', 'hex');

/** @param run ends once its connection does; @returns null if it made none */
async function captured(run: (port: number) => Promise<unknown>): Promise<Buffer | null> {
  let hello: Buffer | null = null;
  const server = createServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.equals(SSL_REQUEST)) {
        bytes = Buffer.alloc(0);
        socket.write('S');
      } else if (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt16BE(3)) {
        hello = bytes;
        socket.destroy();
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await run((server.address() as AddressInfo).port);
  await new Promise((resolve) => server.close(resolve));
  return hello;
}

async function libpq(options: Readonly<Record<string, string | number>>): Promise<void> {
  const library = await Libpq.load();
  const target = {
    host: '127.0.0.1',
    user: 'ada',
    dbname: 'sales',
    sslmode: 'require',
    gssencmode: 'disable',
  };
  await library.connect({ ...target, ...options }).then(
    () => Promise.reject(new Error('libpq logged in to nothing')),
    () => undefined,
  );
}

/** Resolves at once where there is no such program. */
function openssl(port: number, args: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...args], {
      stdio: 'ignore',
    });
    child.on('error', () => resolve()).on('close', () => resolve());
  });
}

/** What a client needs to resume. */
async function sessionOf(identity: TlsIdentity, options: ConnectionOptions): Promise<Buffer> {
  const server = createServer((socket: Socket) => {
    const encrypted = new TLSSocket(socket, { isServer: true, secureContext: identity.context });
    encrypted.on('error', () => encrypted.destroy()).resume();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  client.resume();
  const [session] = (await once(client, 'session')) as [Buffer];
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
  return session;
}
