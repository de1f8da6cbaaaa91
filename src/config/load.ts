import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Secret } from '../core/secret.ts';
import { assemble } from './assemble.ts';
import type { Config } from './config.ts';
import type { Entry, Layer, Origin } from './layer.ts';
import { CONFIG_FLAG, CONFIG_VARIABLE } from './names.ts';
import type { Environment } from './setting.ts';
import { SETTINGS } from './settings.ts';
import { readEnvironmentLayer, readFlagLayer } from './text-layers.ts';
import { readTomlLayer } from './toml.ts';
import { unreadable, type Parsed } from './value-types.ts';

export interface Sources {
  /** By flag name without dashes, such as `listen-postgres`; `config` names the TOML file. */
  readonly flags?: ReadonlyMap<string, string>;
  readonly environment?: Environment;
}

export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly origins: ReadonlyMap<string, Origin> }
  | { readonly ok: false; readonly problems: readonly string[] };

/** A value that was understood. `name` is dotted, such as `engines.warehouse.url`. */
export interface Value {
  readonly value: unknown;
  readonly where: string;
  readonly origin: Origin;
}

/**
 * Reads flags, `PATGATE_*` variables and the TOML file, in this order of precedence.
 * @returns the configuration, or every problem found, one line each
 */
export function loadConfig(sources: Sources): LoadedConfig {
  const environment = sources.environment ?? {};
  const flags = sources.flags ?? new Map<string, string>();
  const layers: Layer[] = [readFlagLayer(flags), readEnvironmentLayer(environment)];
  const file = flags.get(CONFIG_FLAG) ?? environment[CONFIG_VARIABLE] ?? '';
  if (file !== '') layers.push(readTomlLayer(file));
  const problems = layers.flatMap((layer) => layer.problems);
  const values = mergeLayers(layers, problems);
  if (problems.length > 0) return { ok: false, problems };
  const config = assemble(values, environment, problems);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, config, origins: new Map([...values].map(([name, { origin }]) => [name, origin])) };
}

function mergeLayers(layers: readonly Layer[], problems: string[]): Map<string, Value> {
  const values = new Map<string, Value>();
  for (const { origin, entries } of layers) {
    const inLayer = new Map<string, Entry>();
    for (const entry of entries) {
      const name = nameOf(entry);
      const other = inLayer.get(name);
      if (other !== undefined) problems.push(`${other.where} and ${entry.where}: give one of them only`);
      else inLayer.set(name, entry);
    }
    for (const [name, entry] of inLayer) {
      if (values.has(name)) continue;
      const parsed = parseEntry(entry);
      if ('problem' in parsed) problems.push(`${entry.where}: ${parsed.problem}`);
      // A bad value still hides the lower layers, so that there is one line about it and not two.
      values.set(name, { value: 'value' in parsed ? parsed.value : null, where: entry.where, origin });
    }
  }
  return values;
}

function nameOf({ target }: Entry): string {
  return target.engine === null ? target.name : target.name.replace(/^engine\./, `engines.${target.engine}.`);
}

function parseEntry(entry: Entry): Parsed<unknown> {
  const setting = SETTINGS[entry.target.name];
  if (!entry.target.isFile) return setting.parse(entry.raw, entry);
  const content = readSecretFile(resolve(entry.baseDir, entry.raw as string));
  return 'problem' in content ? content : setting.parse(content.value.reveal(), entry);
}

const LONGEST_SECRET = 65_536;

/** The file's text without the line break at its end, which editors and `echo` add. */
function readSecretFile(file: string): Parsed<Secret> {
  const problem = unreadable(file);
  if (problem !== null) return { problem: `${file}: ${problem}` };
  if (statSync(file).size > LONGEST_SECRET) return { problem: `${file}: is too large to be a secret` };
  const text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  return text === '' ? { problem: `${file}: is empty` } : { value: new Secret(text) };
}
