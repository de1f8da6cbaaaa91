import { isIPv6, type AddressInfo, type Server } from 'node:net';

/** Where a listener is to be. */
export interface ListenAddress {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** An inherited listening socket, in place of both. */
  readonly fd?: number;
}

/**
 * Makes a server listen.
 * @returns where it is heard: the host as it was asked for, or where an inherited socket is; the port in use
 * @throws the listen error (EADDRINUSE, EACCES…)
 */
export function listenOn(
  server: Server,
  { host, port, fd }: ListenAddress,
  options: { readonly backlog?: number } = {},
): Promise<{ readonly host: string; readonly port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...options, ...(fd === undefined ? { host, port } : { fd }) }, () => {
      server.off('error', reject);
      const bound = server.address() as AddressInfo;
      resolve({ host: fd === undefined ? host : bound.address, port: bound.port });
    });
  });
}

/** A host as URLs have it. */
export function urlHost(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}
