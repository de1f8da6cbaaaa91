import { readFileSync } from 'node:fs';
import { z } from 'zod';

const PackageShape = z.object({ version: z.string() });

/** The version of this package, from its package.json. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return PackageShape.parse(JSON.parse(text)).version;
}
