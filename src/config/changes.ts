import { isDeepStrictEqual } from 'node:util';
import { camel } from './assemble.ts';
import type { Config } from './config.ts';
import { pack } from './pack.ts';
import { SETTINGS, SETTING_NAMES, type SettingName } from './settings.ts';

/** What a configuration that was read again means for a gateway that runs. */
export interface Changes {
  /** In force from now on: the new value of every setting that can change live, the old one of all others. */
  readonly config: Config;
  /** Names of settings that changed and were taken over; `engines` for all that is said of engines. */
  readonly taken: readonly string[];
  /** Names of settings that changed and need a restart. */
  readonly waiting: readonly SettingName[];
}

/** Everything under `engine.` and `engines.` changes as one. */
const ENGINES = ['engines', 'engineDefaults'] as const;

export function changesOf(running: Config, read: Config): Changes {
  const whole: Record<string, unknown> = { ...running };
  const taken: string[] = [];
  const waiting: SettingName[] = [];
  for (const name of SETTING_NAMES) {
    if (
      name.startsWith('engine.') ||
      name === 'store.password' ||
      !differs(valueAt(running, name), valueAt(read, name))
    )
      continue;
    if (!SETTINGS[name].isReloadable) {
      waiting.push(name);
      continue;
    }
    taken.push(name);
    put(whole, name, valueAt(read, name));
  }
  if (ENGINES.some((key) => differs(running[key], read[key]))) {
    taken.push('engines');
    for (const key of ENGINES) whole[key] = read[key];
  }
  // Each part is a value of one of the two, under the same name.
  return { config: Object.freeze(whole) as unknown as Config, taken, waiting };
}

function differs(before: unknown, after: unknown): boolean {
  return !isDeepStrictEqual(pack(before), pack(after));
}

/** What a configuration says of a setting, but for those of engines, which each has for itself. */
export function valueAt(config: Config, name: SettingName): unknown {
  const [section = '', key] = name.split('.');
  const sections = config as unknown as Record<string, Record<string, unknown>>;
  return key === undefined ? sections[camel(section)] : sections[section]?.[camel(key)];
}

function put(whole: Record<string, unknown>, name: SettingName, value: unknown): void {
  const [section = '', key] = name.split('.');
  if (key === undefined) whole[camel(section)] = value;
  else whole[section] = Object.freeze({ ...(whole[section] as object), [camel(key)]: value });
}
