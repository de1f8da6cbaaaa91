import { Secret } from '../core/secret.ts';
import { checkTogether } from './checks.ts';
import type { Config, EngineConfig } from './config.ts';
import { ENGINE_KEYS, MAIN_ENGINE } from './names.ts';
import { withPassword } from './postgres-url.ts';
import type { Environment } from './setting.ts';
import { SETTING_NAMES, SETTINGS } from './settings.ts';
import type { Value } from './load.ts';

/**
 * Puts values and defaults together and checks what settings demand of each other.
 * @param values by dotted name; each is already of its setting's type
 * @param problems receives a line for each contradiction
 */
export function assemble(
  values: ReadonlyMap<string, Value>,
  environment: Environment,
  problems: string[],
): Config {
  const sections = new Map<string, Map<string, unknown>>();
  const top = new Map<string, unknown>();
  for (const name of SETTING_NAMES) {
    const [section = '', key] = name.split('.');
    if (section === 'engine') continue;
    const given = values.get(name);
    const value = given === undefined ? SETTINGS[name].makeDefault(environment) : given.value;
    if (key === undefined) top.set(camel(name), value);
    else sections.set(section, (sections.get(section) ?? new Map<string, unknown>()).set(camel(key), value));
  }
  mergePassword(sections.get('store'));
  const engines = assembleEngines(values, problems);
  const [onlyEngine] = engines.keys();
  if (engines.size === 1 && onlyEngine !== undefined && !values.has('databases')) {
    top.set('databases', new Map([['*', { engine: onlyEngine, database: null }]]));
  }
  const whole = {
    ...Object.fromEntries(top),
    ...Object.fromEntries([...sections].map(([name, members]) => [name, frozen(members)])),
    engines,
    engineDefaults: assembleDefaults(values),
  };
  // The shape follows the settings table, from which the type is derived too; a test walks both.
  const config = Object.freeze(whole) as unknown as Config;
  checkTogether(config, values, problems);
  return config;
}

/** `engine.*` describes the engine `main`; but for URL and password it also is the default of every named engine. */
function assembleEngines(
  values: ReadonlyMap<string, Value>,
  problems: string[],
): ReadonlyMap<string, EngineConfig> {
  const named = new Set([...values.keys()].flatMap((name) => /^engines\.(\w+)\./.exec(name)?.[1] ?? []));
  if (values.has('engine.url') || values.has('engine.password')) {
    if (named.has(MAIN_ENGINE)) problems.push('engine.url and [engines.main] both describe the engine main');
    named.add(MAIN_ENGINE);
  }
  const engines = new Map<string, EngineConfig>();
  for (const engine of named) {
    const members = assembleEngine(engine, values);
    if (members.get('url') === null) problems.push(`the engine ${engine} has no url`);
    else engines.set(engine, frozen(members) as unknown as EngineConfig);
  }
  return engines;
}

function assembleEngine(engine: string, values: ReadonlyMap<string, Value>): Map<string, unknown> {
  const members = new Map<string, unknown>();
  for (const [key, { name, isFile }] of ENGINE_KEYS) {
    if (isFile) continue;
    const isOwn = key === 'url' || key === 'password';
    const inherited = isOwn && engine !== MAIN_ENGINE ? undefined : values.get(name);
    const given = values.get(`engines.${engine}.${key}`) ?? inherited;
    members.set(camel(key), given === undefined ? SETTINGS[name].makeDefault({}) : given.value);
  }
  mergePassword(members);
  return members;
}

/** Has no table of its own, so that only `engine.*` counts. */
const NO_ENGINE = '';

function assembleDefaults(values: ReadonlyMap<string, Value>): Readonly<Record<string, unknown>> {
  const members = assembleEngine(NO_ENGINE, values);
  members.delete('url');
  return frozen(members);
}

/** Replaces `url` and `password` by a URL that holds the password. */
function mergePassword(members: Map<string, unknown> | undefined): void {
  const url = members?.get('url');
  const password = members?.get('password');
  members?.delete('password');
  if (url instanceof Secret && password instanceof Secret) members?.set('url', withPassword(url, password));
}

/** `max_per_user` is `maxPerUser` in the loaded configuration. */
export function camel(key: string): string {
  return key.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function frozen(members: ReadonlyMap<string, unknown>): Readonly<Record<string, unknown>> {
  return Object.freeze(Object.fromEntries(members));
}
