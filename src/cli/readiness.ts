import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { isLoopback } from '../core/address.ts';

export interface Listener {
  readonly host: string;
  readonly port: number;
}

/** How this machine reaches a listener: one for all addresses is asked on loopback. */
export function localAddress({ host, port }: Listener): Listener {
  if (host === '0.0.0.0') return { host: '127.0.0.1', port };
  return host === '::' ? { host: 'localhost', port } : { host, port };
}

/** A gateway serves HTTP without TLS on loopback only. */
export function localUrl(listener: Listener): string {
  const { host, port } = localAddress(listener);
  const scheme = isLoopback(listener.host) ? 'http' : 'https';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Asks `/readyz`.
 * @param url of the HTTP listener
 * @returns null when ready, else what the gateway says or why there is no answer
 */
export function askReadyz(url: string, timeoutMs: number): Promise<string | null> {
  const target = new URL('/readyz', url);
  return new Promise((resolve) => {
    // Nothing secret is sent, and the certificate is made out to the name that clients use, not to this machine's address.
    const send = (onResponse: Parameters<typeof httpRequest>[2]) =>
      target.protocol === 'https:'
        ? httpsRequest(target, { rejectUnauthorized: false, timeout: timeoutMs, agent: false }, onResponse)
        : httpRequest(target, { timeout: timeoutMs, agent: false }, onResponse);
    const request = send((response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body = (body + chunk).slice(0, 2000)));
      response.on('end', () => resolve(response.statusCode === 200 ? null : `not ready: ${body.trim()}`));
      response.on('error', (error) => resolve(`not ready: ${error.message}`));
    });
    const deadline = setTimeout(() => request.destroy(new Error('no answer in time')), timeoutMs);
    request.on('error', (error) => resolve(`not ready: ${error.message || String(error)}`));
    request.on('close', () => clearTimeout(deadline));
    request.end();
  });
}

/** Whether somebody listens there, for a gateway without HTTP. */
export function askPort(listener: Listener, timeoutMs: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ ...localAddress(listener), timeout: timeoutMs });
    const settle = (answer: string | null): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => settle(null));
    socket.on('timeout', () => settle('not ready: no answer in time'));
    socket.on('error', (error) => settle(`not ready: ${error.message || String(error)}`));
  });
}
