import type { IncomingMessage } from 'node:http';
import type { NetworkList } from '../core/networks.ts';
import type { Origin } from '../tokens/service.ts';
import { clientAddress } from './address.ts';
import type { HttpContext } from './env.ts';

const MAX_APPLICATION_LENGTH = 200;

/** A header's text without what could break a log line or a table. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]/g, '').slice(0, MAX_APPLICATION_LENGTH);
}

/** The client's address; null when there is no socket. */
export function addressOf(
  { socket, headers }: IncomingMessage,
  trustedProxies: NetworkList | null,
): string | null {
  const forwarded = headers['x-forwarded-for'];
  return clientAddress(
    socket.remoteAddress,
    Array.isArray(forwarded) ? forwarded.join() : forwarded,
    trustedProxies,
  );
}

/** Where a request comes from; the application is what User-Agent says. */
export function originOf(c: HttpContext, trustedProxies: NetworkList | null): Origin {
  // Without a listener (an application called directly) there are no bindings.
  const bindings = c.env as HttpContext['env'] | undefined;
  const agent = printable(c.req.header('user-agent') ?? '');
  return {
    address: bindings === undefined ? null : addressOf(bindings.incoming, trustedProxies),
    application: agent === '' ? null : agent,
  };
}
