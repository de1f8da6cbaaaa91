import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../../..');

it('the package holds each page that its README leads to', () => {
  const { files } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const pages = [...readme.matchAll(/\]\(([^):#]+\.md)\b/g)].map(([, page = '']) => page);
  expect(pages.length).toBeGreaterThan(10);
  expect(pages.filter((page) => !files.some((file) => `${page}/`.startsWith(`${file}/`)))).toEqual([]);
});
