import type { Socket } from 'node:net';

/**
 * The number of a connection's file descriptor. The system gives the lowest that is free, so all below it are in use.
 * @returns null where Node does not tell, and once it is closed
 */
export function descriptorOf(socket: Socket): number | null {
  // Undocumented, and there on every system but Windows for as long as there has been a handle.
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } | null };
  const fd = handle?.fd ?? -1;
  return fd < 0 ? null : fd;
}
