import type { BlockList } from 'node:net';
import type { Origin } from '../tokens/service.ts';
import { clientAddress } from './address.ts';
import type { HttpContext } from './env.ts';

const MAX_APPLICATION_LENGTH = 200;

/** A header's text without what could break a log line or a table. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]/g, '').slice(0, MAX_APPLICATION_LENGTH);
}

/** Where a request comes from; the application is what User-Agent says. */
export function originOf(c: HttpContext, trustedProxies: BlockList | null): Origin {
  // Without a listener (an application called directly) there are no bindings.
  const bindings = c.env as HttpContext['env'] | undefined;
  const peer = bindings?.incoming.socket.remoteAddress;
  const agent = printable(c.req.header('user-agent') ?? '');
  return {
    address: clientAddress(peer, c.req.header('x-forwarded-for'), trustedProxies),
    application: agent === '' ? null : agent,
  };
}
