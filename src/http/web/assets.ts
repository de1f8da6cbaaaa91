import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Hono } from 'hono';
import type { HttpEnv } from '../env.ts';

const FILES = {
  style: { file: 'style.css', type: 'text/css; charset=utf-8' },
  script: { file: 'page.js', type: 'text/javascript; charset=utf-8' },
  icon: { file: 'icon.svg', type: 'image/svg+xml' },
} as const;

/** Addresses that change with the content, so that browsers may keep it for ever. */
export type Assets = Readonly<Record<keyof typeof FILES, string>> & { readonly routes: Hono<HttpEnv> };

/** Reads the few files that pages need beside their HTML. */
export function loadAssets(): Assets {
  const routes = new Hono<HttpEnv>();
  const add = ({ file, type }: { readonly file: string; readonly type: string }): string => {
    const bytes = readFileSync(new URL(`./assets/${file}`, import.meta.url));
    const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
    const path = `/assets/${hash}/${file}`;
    routes.get(path, (c) => {
      c.header('cache-control', 'public, max-age=31536000, immutable');
      return c.body(bytes, 200, { 'content-type': type });
    });
    return path;
  };
  return { style: add(FILES.style), script: add(FILES.script), icon: add(FILES.icon), routes };
}
