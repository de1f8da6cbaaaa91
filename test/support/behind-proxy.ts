import { isIPv6, Socket } from 'node:net';
import pg from 'pg';
import type { TestGateway } from './gateway.ts';

/** Settings of a gateway that believes this machine what it says of its clients' addresses. */
export const BEHIND_PROXY = {
  'listen.proxy_protocol_from': '127.0.0.1',
  'http.trusted_proxies': '127.0.0.1',
} as const;

export interface ProxiedSession {
  readonly client: pg.Client;
  /** What the session ended with: SQLSTATE and text. */
  readonly ended: Promise<{ readonly code: string; readonly message: string }>;
}

/** A SQL session of a client at that address, as a balancer with the PROXY protocol hands it on. */
export function connectFrom(
  address: string,
  gateway: TestGateway,
  user: string,
  secret: string,
): Promise<ProxiedSession> {
  return connectBehind(proxyHeader(address), gateway, user, secret);
}

/** A SQL session of which a balancer says that. */
export async function connectBehind(
  header: string | Buffer,
  gateway: TestGateway,
  user: string,
  secret: string,
): Promise<ProxiedSession> {
  const client = new pg.Client({
    ...gateway.clientConfig(user, secret),
    stream: () => {
      const socket = new Socket();
      // Before what the driver says once it is connected.
      socket.once('connect', () => socket.write(header));
      return socket;
    },
  });
  const ended = new Promise<{ code: string; message: string }>((resolve) => {
    client.on('error', (error: Error & { code?: string }) =>
      resolve({ code: error.code ?? '', message: error.message }),
    );
  });
  await client.connect();
  return { client, ended };
}

/** What a balancer says of a client at that address. */
export function proxyHeader(address: string): string {
  return isIPv6(address)
    ? `PROXY TCP6 ${address} ::1 40000 5432\r\n`
    : `PROXY TCP4 ${address} 127.0.0.1 40000 5432\r\n`;
}
