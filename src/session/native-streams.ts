import type { Socket } from 'node:net';

/**
 * Node's own handle of a TCP, Unix or TLS socket (TCPWrap, Pipe, TLSWrap), as far as it is used here. It is not documented.
 * Reading and writing with it costs a third less than by stream events: no stream state, no tick, no object and no memory per
 * chunk.
 */
export interface StreamHandle {
  /** Called after each read; what it returns is read into next, if it returns anything. */
  onread: () => Uint8Array | undefined;
  /** Node's note of whether it has started reading. */
  reading: boolean;
  readonly writeQueueSize: number;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
}

/** What reading and writing by handles needs besides the handle. */
export interface NativeStreams {
  /** Within `onread`: how many bytes were read, or a negative error number. */
  readResult(): number;
  /**
   * @param done called with 0 or a negative error number when a queued write is over; not called for others
   * @returns 0 when the kernel took all of the chunk, QUEUED when the chunk stays in use until `done`, or a negative error number
   */
  write(handle: StreamHandle, chunk: Uint8Array, done: (status: number) => void): number;
  /**
   * A write to a TLS handle, one at a time. The chunk is not looked at after the call.
   * @param done called once, later or within this call, with 0 or a negative error number; not called after an error was returned
   * @returns 0 or a negative error number
   */
  encrypt(handle: StreamHandle, chunk: Uint8Array, done: (status: number) => void): number;
}

export const QUEUED = 1;

/** libuv's number for the end of the stream, the same on all systems: deps/uv/include/uv/errno.h UV__EOF. */
export const END_OF_FILE = -4095;

/** Node 20 to 25 want the write request to be handed in, 26 makes it; what later ones do is not known. */
const OLDEST_MAJOR = 20;
const REQUESTS_MADE_BY_NODE = 26;
const NEWEST_MAJOR = 26;

/**
 * Finds Node's internals by version and by shape.
 * @returns null where they are not what was tried: stream events serve there
 */
export function findNativeStreams(version: string = process.versions.node): NativeStreams | null {
  const major = Number.parseInt(version, 10);
  if (!(major >= OLDEST_MAJOR && major <= NEWEST_MAJOR)) return null;
  const binding = streamBinding();
  if (binding === null) return null;
  return major >= REQUESTS_MADE_BY_NODE ? requestsMadeByNode(binding) : requestsHandedIn(binding);
}

/** @returns the socket's handle, or null when it has none of the kind that was tried */
export function handleOf(socket: Socket): StreamHandle | null {
  const handle: unknown = Reflect.get(socket, '_handle');
  return isStreamHandle(handle) ? handle : null;
}

interface WriteRequest {
  oncomplete: (status: number) => void;
  /** Keeps the chunk from being collected. */
  buffer: Uint8Array;
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
  readonly kLastWriteErr?: number;
}

/** src/stream_base.cc, StreamBase::WriteBuffer: the request is only touched when the write has to wait. */
function requestsHandedIn(binding: StreamBinding): NativeStreams {
  const { WriteWrap, streamBaseState: state, kReadBytesOrError, kLastWriteWasAsync } = binding;
  let request = new WriteWrap();
  return {
    readResult: () => state[kReadBytesOrError] ?? 0,
    write(handle, chunk, done) {
      const error = (handle as HandleOfOld).writeBuffer(request, chunk);
      if (error === 0 && state[kLastWriteWasAsync] === 0) return 0;
      const used = request;
      request = new WriteWrap();
      if (error !== 0) return error;
      used.buffer = chunk;
      used.oncomplete = done;
      return QUEUED;
    },
    encrypt(handle, chunk, done) {
      const used = new WriteWrap();
      // src/crypto/crypto_tls.cc, TLSWrap::EncOut: a connection that is found broken is told of within the call
      used.oncomplete = done;
      const error = (handle as HandleOfOld).writeBuffer(used, chunk);
      if (error === 0 && state[kLastWriteWasAsync] === 0) done(0);
      return error;
    },
  };
}

interface HandleOfOld extends StreamHandle {
  writeBuffer(request: WriteRequest, chunk: Uint8Array): number;
}

/** The same function in Node 26: it answers with an error number, or with the request of a write that has to wait. */
function requestsMadeByNode(binding: StreamBinding): NativeStreams {
  const { streamBaseState: state, kReadBytesOrError, kLastWriteErr = 0 } = binding;
  return {
    readResult: () => state[kReadBytesOrError] ?? 0,
    write(handle, chunk, done) {
      const answer = (handle as HandleOf26).writeBuffer(null, chunk);
      if (typeof answer === 'number') return answer;
      const error = state[kLastWriteErr] ?? 0;
      if (error !== 0) return error;
      answer.buffer = chunk;
      answer.oncomplete = done;
      // over before `oncomplete` was there to be called
      const status = answer.writeStatus ?? null;
      return status ?? QUEUED;
    },
    encrypt(handle, chunk, done) {
      const answer = (handle as HandleOf26).writeBuffer(null, chunk);
      if (typeof answer === 'number') {
        if (answer === 0) done(0);
        return answer;
      }
      const error = state[kLastWriteErr] ?? 0;
      if (error !== 0) return error;
      answer.oncomplete = done;
      const status = answer.writeStatus ?? null;
      if (status !== null) done(status);
      return 0;
    },
  };
}

interface HandleOf26 extends StreamHandle {
  writeBuffer(request: null, chunk: Uint8Array): number | (WriteRequest & { writeStatus?: number | null });
}

function streamBinding(): StreamBinding | null {
  const holder = process as { binding?: (name: string) => unknown };
  try {
    const binding = holder.binding?.('stream_wrap');
    return isStreamBinding(binding) ? binding : null;
  } catch {
    // refused under --permission
    return null;
  }
}

function isStreamBinding(candidate: unknown): candidate is StreamBinding {
  const numbers = ['kReadBytesOrError', 'kLastWriteWasAsync'];
  return (
    isObject(candidate) &&
    typeof candidate['WriteWrap'] === 'function' &&
    candidate['streamBaseState'] instanceof Int32Array &&
    numbers.every((name) => typeof candidate[name] === 'number')
  );
}

function isStreamHandle(candidate: unknown): candidate is StreamHandle {
  const methods = ['useUserBuffer', 'readStart', 'readStop', 'writeBuffer'];
  return isObject(candidate) && methods.every((name) => typeof candidate[name] === 'function');
}

function isObject(candidate: unknown): candidate is Record<string, unknown> {
  return typeof candidate === 'object' && candidate !== null;
}
