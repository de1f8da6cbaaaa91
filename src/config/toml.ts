import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, TomlError, type TomlTable } from 'smol-toml';
import { ENGINE_KEYS, isEngineName, TARGETS, type Target } from './names.ts';
import { SETTINGS } from './settings.ts';
import type { Entry, Layer } from './layer.ts';
import { didYouMean } from './suggest.ts';
import { quote, unreadable, type RawValue, type TomlKind } from './value-types.ts';

/** Reads a TOML configuration file into a layer; whatever is wrong with it is in `problems`. */
export function readTomlLayer(path: string): Layer {
  const file = resolve(path);
  const problem = unreadable(file);
  if (problem !== null) return { origin: 'file', entries: [], problems: [`${file}: ${problem}`] };
  const document = parseToml(file, readFileSync(file, 'utf8'));
  if (typeof document === 'string') return { origin: 'file', entries: [], problems: [document] };
  const walk: Walk = { file, entries: [], problems: [] };
  for (const [key, value] of Object.entries(document)) readTopLevel(walk, key, value);
  return { origin: 'file', entries: walk.entries, problems: walk.problems };
}

interface Walk {
  readonly file: string;
  readonly entries: Entry[];
  readonly problems: string[];
}

function parseToml(file: string, source: string): TomlTable | string {
  try {
    return parse(source);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = error.message.split('\n', 1)[0]?.replace(/^Invalid TOML document: /, '') ?? '';
    return `${file}:${error.line}:${error.column}: ${what}`;
  }
}

function readTopLevel(walk: Walk, key: string, value: unknown): void {
  const target = TARGETS.get(key);
  if (target !== undefined) read(walk, target, key, value);
  else if (!isTable(value)) unknown(walk, key, TARGETS.keys());
  else if (key === 'engines') readEngines(walk, value);
  else if (sectionNames().has(key)) readSection(walk, key, value);
  else unknown(walk, key, sectionNames());
}

function readSection(walk: Walk, section: string, table: TomlTable): void {
  for (const [key, value] of Object.entries(table)) {
    const dotted = `${section}.${key}`;
    const target = TARGETS.get(dotted);
    if (target === undefined) unknown(walk, dotted, TARGETS.keys());
    else read(walk, target, dotted, value);
  }
}

function readEngines(walk: Walk, engines: TomlTable): void {
  for (const [engine, table] of Object.entries(engines)) {
    const dotted = `engines.${engine}`;
    if (!isEngineName(engine)) {
      walk.problems.push(
        `${walk.file}: ${quote(dotted)}: an engine name is lower-case letters, digits and underscores`,
      );
    } else if (!isTable(table)) {
      walk.problems.push(`${walk.file}: ${dotted}: must be a table`);
    } else {
      for (const [key, value] of Object.entries(table)) {
        const target = ENGINE_KEYS.get(key);
        if (target === undefined) unknown(walk, `${dotted}.${key}`, engineNames(dotted));
        else read(walk, { ...target, engine }, `${dotted}.${key}`, value);
      }
    }
  }
}

function read(walk: Walk, target: Target, dotted: string, value: unknown): void {
  const where = `${walk.file}: ${dotted}`;
  const accepted: readonly TomlKind[] = target.isFile ? ['string'] : SETTINGS[target.name].toml;
  const kind = kindOf(value);
  const raw = rawOf(value);
  if (kind === null || raw === null || !accepted.includes(kind)) {
    walk.problems.push(`${where}: must be ${accepted.map(withArticle).join(' or ')}`);
  } else {
    walk.entries.push({ target, raw, where, baseDir: dirname(walk.file) });
  }
}

function kindOf(value: unknown): TomlKind | null {
  if (typeof value === 'string' || typeof value === 'boolean') return typeof value as TomlKind;
  if (typeof value === 'number' || typeof value === 'bigint') return 'integer';
  if (Array.isArray(value)) return 'array';
  return isTable(value) ? 'table' : null;
}

/** Null when an array or table holds anything but text. */
function rawOf(value: unknown): RawValue | null {
  if (Array.isArray(value)) {
    return value.every((item): item is string => typeof item === 'string') ? value : null;
  }
  if (isTable(value)) {
    const pairs = Object.entries(value);
    return pairs.every((pair): pair is [string, string] => typeof pair[1] === 'string')
      ? new Map(pairs)
      : null;
  }
  return String(value);
}

function isTable(value: unknown): value is TomlTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function withArticle(kind: TomlKind): string {
  const names: Record<TomlKind, string> = {
    string: 'a string',
    integer: 'a whole number',
    boolean: 'true or false',
    array: 'an array of strings',
    table: 'a table of strings',
  };
  return names[kind];
}

function unknown(walk: Walk, dotted: string, candidates: Iterable<string>): void {
  walk.problems.push(`${walk.file}: unknown setting ${printable(dotted)}${didYouMean(dotted, candidates)}`);
}

function printable(dotted: string): string {
  return /^[\w.-]+$/.test(dotted) ? dotted : quote(dotted);
}

function sectionNames(): Set<string> {
  return new Set(['engines', ...[...TARGETS.keys()].map((name) => name.split('.', 1)[0] ?? name)]);
}

function engineNames(prefix: string): string[] {
  return [...ENGINE_KEYS.keys()].map((key) => `${prefix}.${key}`);
}
