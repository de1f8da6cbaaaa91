import type { z } from 'zod';
import { RequestError } from '../core/errors.ts';
import type { HttpContext } from './env.ts';
import { InvalidRequest } from './failure.ts';
import { parseJson } from './json.ts';

/** No request of any interface here is longer than a few kilobytes; bulk revocation of 1,000 ids needs 40 kB. */
export const MAX_BODY_BYTES = 128 * 1024;
export const MAX_JSON_DEPTH = 16;

function tooLarge(): RequestError {
  return new RequestError('request.too_large', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
}

async function readBytes(request: Request): Promise<Buffer> {
  if (Number(request.headers.get('content-length') ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  if (request.body === null) return Buffer.alloc(0);
  const reader: ReadableStreamDefaultReader<Uint8Array> = request.body.getReader();
  const read = (): ReturnType<typeof reader.read> =>
    reader.read().catch((error: unknown) => {
      // Whoever sent it has gone in the middle of it: that is no failure of ours.
      throw new RequestError('request.invalid', 'The body broke off.', { cause: error });
    });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await read();
    if (done) return Buffer.concat(chunks);
    size += value.length;
    if (size > MAX_BODY_BYTES) {
      // The answer should not wait until a client that keeps sending lets go.
      void reader.cancel();
      throw tooLarge();
    }
    chunks.push(value);
  }
}

/**
 * The body as text; can be read once.
 * @throws RequestError `request.too_large`, or `request.invalid` for bytes that are not UTF-8
 */
export async function readText(request: Request): Promise<string> {
  const bytes = await readBytes(request);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new RequestError('request.invalid', 'The body is not valid UTF-8.', { cause: error });
  }
}

/**
 * The body as JSON of the shape wanted. Its Content-Type is not looked at: `curl -d '{…}'` and the SDKs of the products
 * spoken here call JSON all sorts of things. An empty body is `{}`.
 * @throws RequestError `request.too_large`, InvalidRequest
 */
export async function readJson<T extends z.ZodType>(c: HttpContext, shape: T): Promise<z.output<T>> {
  const text = await readText(c.req.raw);
  const value = text.trim() === '' ? {} : parseJson(text, MAX_JSON_DEPTH);
  return parseAs(value, shape);
}

/** @throws InvalidRequest which names the fields that do not fit */
export function parseAs<T extends z.ZodType>(value: unknown, shape: T): z.output<T> {
  const parsed = shape.safeParse(value);
  if (!parsed.success) throw new InvalidRequest(parsed.error.issues);
  return parsed.data;
}
