import { SETTINGS, SETTING_NAMES, type SettingName } from './settings.ts';

/** Every environment variable of patgate starts with this. */
export const ENVIRONMENT_PREFIX = 'PATGATE_';
/** Names the configuration file; a flag `--config` comes first. */
export const CONFIG_VARIABLE = 'PATGATE_CONFIG';
export const CONFIG_FLAG = 'config';

/** The engine that `engine.url` describes, and the embedded one when there is no other. */
export const MAIN_ENGINE = 'main';

/** What a name in a source stands for. */
export interface Target {
  readonly name: SettingName;
  /** For `engines.NAME.key`, the engine; `name` is then the setting `engine.key`. */
  readonly engine: string | null;
  /** The value is the path of a file that holds the secret. */
  readonly isFile: boolean;
}

const ENGINE_NAME = '[a-z][a-z0-9_]*';

export function isEngineName(text: string): boolean {
  return new RegExp(`^${ENGINE_NAME}$`).test(text);
}

/** `listen.postgres` is the flag `listen-postgres` (without the dashes). */
export function flagOf(dotted: string): string {
  return dotted.replaceAll(/[._]/g, '-');
}

/** `listen.postgres` is the variable `PATGATE_LISTEN_POSTGRES`. */
export function variableOf(dotted: string): string {
  return ENVIRONMENT_PREFIX + dotted.replaceAll('.', '_').toUpperCase();
}

/** Dotted names with what they stand for: each setting, and for a secret also its `_file`. */
export const TARGETS: ReadonlyMap<string, Target> = new Map(
  SETTING_NAMES.flatMap((name): [string, Target][] => {
    const plain: [string, Target] = [name, { name, engine: null, isFile: false }];
    return SETTINGS[name].isSecret
      ? [plain, [`${name}_file`, { name, engine: null, isFile: true }]]
      : [plain];
  }),
);

/** Keys that an `[engines.NAME]` table may hold. */
export const ENGINE_KEYS: ReadonlyMap<string, Target> = new Map(
  [...TARGETS]
    .filter(([dotted]) => dotted.startsWith('engine.'))
    .map(([dotted, target]) => [dotted.slice('engine.'.length), target]),
);

const BY_FLAG = new Map([...TARGETS].map(([dotted, target]) => [flagOf(dotted), target]));
const BY_VARIABLE = new Map([...TARGETS].map(([dotted, target]) => [variableOf(dotted), target]));

export function targetOfFlag(flag: string): Target | null {
  return BY_FLAG.get(flag) ?? engineTarget(flag.replaceAll('-', '_'));
}

export function targetOfVariable(variable: string): Target | null {
  return BY_VARIABLE.get(variable) ?? engineTarget(variable.slice(ENVIRONMENT_PREFIX.length).toLowerCase());
}

/** The engine and key in `engines_NAME_KEY`. No key ends in `_` and another key, so that there is one reading only. */
function engineTarget(text: string): Target | null {
  for (const [key, target] of ENGINE_KEYS) {
    const engine = new RegExp(`^engines_(${ENGINE_NAME})_${key}$`).exec(text)?.[1];
    if (engine !== undefined) return { ...target, engine };
  }
  return null;
}

/**
 * Variables that Kubernetes sets by itself for a Service named patgate or patgate-something: not settings, and no mistake
 * of the operator.
 */
export function isServiceLink(variable: string, value: string): boolean {
  if (/_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(variable)) return true;
  if (/_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(variable)) return true;
  return variable.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value);
}
