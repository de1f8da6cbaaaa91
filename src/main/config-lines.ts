import { camel } from '../config/assemble.ts';
import { valueAt } from '../config/changes.ts';
import type { Config, EngineConfig, EngineDefaults } from '../config/config.ts';
import { ENGINE_KEYS } from '../config/names.ts';
import { SETTING_NAMES, SETTINGS, type SettingName } from '../config/settings.ts';
import type { ConfigLine } from '../console/deps.ts';

/** Every setting as an operator would write it, those of engines under `engines.NAME`; secrets only as being set. */
export function configLines(config: Config): readonly ConfigLine[] {
  const general = SETTING_NAMES.filter((name) => !name.startsWith('engine.')).map((name) =>
    lineOf(name, SETTINGS[name], valueAt(config, name)),
  );
  const engines = [...config.engines].flatMap(([engine, values]) => engineLines(`engines.${engine}`, values));
  return [...general, ...engineLines('engine', config.engineDefaults), ...engines];
}

function engineLines(prefix: string, values: EngineConfig | EngineDefaults): ConfigLine[] {
  return [...ENGINE_KEYS].flatMap(([key, { name, isFile }]) => {
    // The password has been merged into the URL, which the defaults do not have.
    if (isFile || name === 'engine.password' || (key === 'url' && !('url' in values))) return [];
    return [lineOf(`${prefix}.${key}`, SETTINGS[name], (values as Record<string, unknown>)[camel(key)])];
  });
}

type Described = Pick<(typeof SETTINGS)[SettingName], 'isSecret' | 'syntax' | 'defaultText'>;

function lineOf(name: string, { isSecret, syntax, defaultText }: Described, value: unknown): ConfigLine {
  return { name, value: shown(value, { isSecret, syntax }), initial: defaultText };
}

function shown(value: unknown, { isSecret, syntax }: Pick<Described, 'isSecret' | 'syntax'>): string | null {
  if (value === null || value === undefined) return syntax.endsWith('|off') ? 'off' : null;
  return isSecret ? '[secret]' : textOf(value, syntax);
}

function textOf(value: unknown, syntax: string): string {
  if (typeof value === 'number') return syntax.startsWith('DURATION') ? durationText(value) : String(value);
  if (value instanceof Map) return mapText(value as Config['databases']);
  if (Array.isArray(value)) return value.join(',');
  if (isAddress(value))
    return value.host.includes(':') ? `[${value.host}]:${value.port}` : `${value.host}:${value.port}`;
  return String(value);
}

function durationText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

function mapText(databases: Config['databases']): string {
  return [...databases]
    .map(([name, { engine, database }]) => `${name}=${engine}${database === null ? '' : `/${database}`}`)
    .join(',');
}

function isAddress(value: unknown): value is { readonly host: string; readonly port: number } {
  return typeof value === 'object' && value !== null && 'host' in value && 'port' in value;
}
