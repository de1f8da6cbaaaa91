import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { Hono } from 'hono';
import { onTestFinished, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MAX_BODY_BYTES, readJson } from '../../../src/http/body.ts';
import type { HttpEnv } from '../../../src/http/env.ts';
import { failureOf } from '../../../src/http/failure.ts';
import { startHttp, type HttpListener, type HttpListenOptions } from '../../../src/http/listen.ts';
import { originOf } from '../../../src/http/origin.ts';
import { developmentTls } from '../../../src/tls/development.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

function app(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get('/scheme', (c) => c.text(new URL(c.req.url).protocol));
  routes.get('/origin', (c) => c.json(originOf(c, null)));
  routes.post('/echo', async (c) => c.json(await readJson(c, z.unknown())));
  routes.get('/slow', async (c) => {
    await once(slow, 'go');
    return c.text('done');
  });
  routes.onError((error, c) => {
    const { status, message } = failureOf(error);
    return c.text(message, status);
  });
  return routes;
}

const slow = new EventTarget();

async function start(options: Partial<HttpListenOptions> = {}): Promise<HttpListener> {
  const listener = await startHttp(app(), { listen: { host: '127.0.0.1', port: 0 }, ...options });
  onTestFinished(() => listener.close());
  return listener;
}

async function certificate(): Promise<{ cert: string; key: string; ca: string }> {
  const files = await developmentTls(await temporaryDirectory(), { names: ['localhost'], now: new Date() });
  const [cert, key, ca] = await Promise.all(
    [files.certFile, files.keyFile, files.caFile].map((file) => readFile(file, 'utf8')),
  );
  return { cert: cert ?? '', key: key ?? '', ca: ca ?? '' };
}

describe('the HTTP listener', () => {
  it('takes a free port and says which', async () => {
    const { url, port } = await start();
    expect(url).toBe(`http://127.0.0.1:${port}`);
    expect(await (await fetch(`${url}/scheme`)).text()).toBe('http:');
  });

  it.each(['0.0.0.0', '::', '192.0.2.1'])('refuses %s without a certificate', async (host) => {
    await expect(startHttp(app(), { listen: { host, port: 0 } })).rejects.toMatchObject({
      code: 'config.invalid',
    });
  });

  it('fails when the port is taken', async () => {
    const { port } = await start();
    await expect(startHttp(app(), { listen: { host: '127.0.0.1', port } })).rejects.toThrow('EADDRINUSE');
  });

  it('speaks TLS with the certificate, and with another one after a change', async () => {
    const first = await certificate();
    const { port, setTls } = await start({ tls: first });
    const get = async (ca: string): Promise<string> => {
      const request = httpsRequest({
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        path: '/scheme',
        agent: false,
        ca,
      });
      request.end();
      const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer>];
      return text(response);
    };
    expect(await get(first.ca)).toBe('https:');
    const second = await certificate();
    setTls(second);
    expect(await get(second.ca)).toBe('https:');
    await expect(get(first.ca)).rejects.toThrow(/certificate|signature/);
  });

  it('offers nothing below TLS 1.2', async () => {
    const tls = await certificate();
    const { port } = await start({ tls });
    const socket = connectTls({
      port,
      host: '127.0.0.1',
      ca: tls.ca,
      servername: 'localhost',
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
    });
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toMatch(/protocol|alert/i);
  });

  it('outlives clients who speak nonsense', async () => {
    const { url, port } = await start();
    const socket = connect(port, '127.0.0.1');
    socket.write('\x00\x00\x00\x08\x04\xd2\x16\x2f');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await fetch(`${url}/scheme`)).status).toBe(200);
  });

  it('refuses headers that are too large', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/scheme`, {
      headers: { authorization: `Bearer ${'x'.repeat(20_000)}` },
    });
    expect(response.status).toBe(431);
  });

  it('lets an answer end before it closes', async () => {
    const { url, close } = await start();
    const answer = fetch(`${url}/slow`);
    const waiting = new Promise((resolve) => setImmediate(resolve));
    await waiting;
    await fetch(`${url}/scheme`);
    const closing = close();
    slow.dispatchEvent(new Event('go'));
    expect(await (await answer).text()).toBe('done');
    await closing;
    await expect(fetch(`${url}/scheme`)).rejects.toThrow();
  });

  it('does not wait for ever for an answer that does not end', async () => {
    const { url, close } = await start({ closeGraceMs: 20 });
    const answer = fetch(`${url}/slow`);
    const outcome = expect(answer).rejects.toThrow();
    await fetch(`${url}/scheme`);
    await close();
    await outcome;
  });
});

describe('where a request comes from', () => {
  it('is the peer, and what User-Agent says without what could break a line', async () => {
    const { url } = await start();
    const headers = { 'user-agent': `dbt\u0085/1.0 ${'x'.repeat(300)}`, 'x-forwarded-for': '198.51.100.7' };
    const origin: unknown = await (await fetch(`${url}/origin`, { headers })).json();
    expect(origin).toEqual({ address: '127.0.0.1', application: `dbt/1.0 ${'x'.repeat(192)}` });
  });
});

describe('a request’s body', () => {
  const post = async (
    body: RequestInit['body'],
    headers: Record<string, string> = {},
  ): Promise<[number, string]> => {
    const { url } = await start();
    const init = { method: 'POST', body: body ?? null, headers, duplex: 'half' };
    const response = await fetch(`${url}/echo`, init);
    return [response.status, await response.text()];
  };
  const chunked = (chunk: string, count: number): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start(controller) {
        for (let n = 0; n < count; n += 1) controller.enqueue(new TextEncoder().encode(chunk));
        controller.close();
      },
    });

  it.each<[string, RequestInit['body'], number, string]>([
    ['JSON', '{"a":[1]}', 200, '{"a":[1]}'],
    ['nothing', '', 200, '{}'],
    ['JSON in chunks', chunked(' {"a":1}', 1), 200, '{"a":1}'],
    ['no JSON', '{"a"', 400, 'The body is not valid JSON.'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), 400, 'The body is not valid UTF-8.'],
    ['deep JSON', '['.repeat(17), 400, 'The body is nested deeper than 16 levels.'],
    ['too long', ' '.repeat(MAX_BODY_BYTES + 1), 413, `The body is larger than ${MAX_BODY_BYTES} bytes.`],
    [
      'too long in chunks',
      chunked(' '.repeat(1024), 200),
      413,
      `The body is larger than ${MAX_BODY_BYTES} bytes.`,
    ],
  ])('%s', async (_, body, status, answer) => {
    expect(await post(body)).toEqual([status, answer]);
  });

  it('may call itself anything', async () => {
    expect(await post('{"a":1}', { 'content-type': 'application/x-www-form-urlencoded' })).toEqual([
      200,
      '{"a":1}',
    ]);
  });
});
