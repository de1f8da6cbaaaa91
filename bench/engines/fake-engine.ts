/**
 * `fake-engine SOCKET_DIRECTORY`: an engine that answers at once, so that what is measured is what lies in between. It believes
 * everyone, and knows the queries `out MB`, `in`, and anything else, which it answers with one row. Listens by TCP, and on the
 * Unix socket that goes with the port.
 */
import { chmodSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';

import {
  ANSWER,
  COPY_CHUNK,
  COPY_IN_RESPONSE,
  COPY_OUT_RESPONSE,
  EXTENDED_ANSWER,
  frame,
  GREETING,
  PARSED,
  READY,
  RESET_ANSWERS,
} from './frames.ts';

const CHUNK_BYTES = COPY_CHUNK.length;

const BACKLOG = 4096;

const server = createServer({ noDelay: true }, serve);
server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, () => {
  const { port } = server.address() as AddressInfo;
  const path = join(process.argv[2] ?? '.', `.s.PGSQL.${port}`);
  createServer(serve).listen({ path, backlog: BACKLOG }, () => {
    chmodSync(path, 0o777);
    console.log(port);
  });
});

function serve(socket: Socket): void {
  let state: 'startup' | 'ready' | 'copyIn' = 'startup';
  let pending: Buffer | null = null;
  /** The exchange that a Sync will end began with Parse and has no Bind. */
  let parsed = false;
  /** Body bytes of CopyData still to be dropped. */
  let skip = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (received: Buffer) => {
    let bytes = pending === null ? received : Buffer.concat([pending, received]);
    pending = null;
    while (bytes.length > 0) {
      if (state === 'startup') {
        if (bytes.length < 4 || bytes.length < bytes.readInt32BE(0)) break;
        bytes = bytes.subarray(bytes.readInt32BE(0));
        socket.write(GREETING);
        state = 'ready';
        continue;
      }
      if (skip > 0) {
        const step = Math.min(skip, bytes.length);
        skip -= step;
        bytes = bytes.subarray(step);
        continue;
      }
      if (bytes.length < 5) break;
      const type = String.fromCharCode(bytes[0] ?? 0);
      const length = 1 + bytes.readInt32BE(1);
      if (state === 'copyIn' && type === 'd') {
        skip = length;
        continue;
      }
      if (bytes.length < length) break;
      const body = bytes.subarray(5, length);
      bytes = bytes.subarray(length);
      if (type === 'Q') query(body.toString('latin1', 0, body.length - 1));
      else if (type === 'S') socket.write(parsed ? PARSED : EXTENDED_ANSWER);
      else if (type === 'P') parsed = true;
      else if (type === 'B') parsed = false;
      else if (type === 'c') {
        state = 'ready';
        socket.write(Buffer.concat([frame('C', 'COPY 1\0'), READY]));
      } else if (type === 'X') socket.end();
    }
    if (bytes.length > 0) pending = Buffer.from(bytes);
  });

  function query(text: string): void {
    if (text.startsWith('out ')) copyOut(Number(text.slice(4)) * 1_000_000);
    else if (text === 'in') {
      state = 'copyIn';
      socket.write(COPY_IN_RESPONSE);
    } else socket.write(RESET_ANSWERS.get(text) ?? ANSWER);
  }

  function copyOut(total: number): void {
    let left = Math.ceil(total / CHUNK_BYTES);
    socket.write(COPY_OUT_RESPONSE);
    const pump = (): void => {
      while (left > 0) {
        left--;
        if (!socket.write(COPY_CHUNK)) {
          socket.once('drain', pump);
          return;
        }
      }
      socket.write(Buffer.concat([frame('c'), frame('C', 'COPY 1\0'), READY]));
    };
    pump();
  }
}
