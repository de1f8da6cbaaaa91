import { Option, type Command } from 'commander';
import { loadConfig, type LoadedConfig } from '../config/load.ts';
import { CONFIG_FLAG, CONFIG_VARIABLE, flagOf, TARGETS, targetOfFlag, variableOf } from '../config/names.ts';
import { SECTIONS } from '../config/setting.ts';
import { SETTINGS } from '../config/settings.ts';
import { ConfigurationError } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** A flag of the configuration, as opposed to an option of one command. */
class ConfigOption extends Option {
  readonly flag: string;

  constructor(flag: string, syntax: string, help: string) {
    super(`--${flag} <${syntax}>`, help);
    this.flag = flag;
  }
}

export function isConfigFlag(option: Option): boolean {
  return option instanceof ConfigOption;
}

/** What commands that only need the store show of the flags; they take all of them. */
const STORE_FLAGS: readonly string[] = ['data-dir', 'store-url', 'store-url-file'];

/**
 * Lets a command take every setting as a flag.
 * @param shown which of them its help lists
 */
export function addConfigFlags(command: Command, shown: 'all' | 'store' | 'none'): Command {
  const config = new ConfigOption(CONFIG_FLAG, 'FILE', `configuration file, TOML (env: ${CONFIG_VARIABLE})`);
  command.addOption(shown === 'none' ? config.hideHelp() : config);
  for (const [dotted, { name, isFile }] of TARGETS) {
    const setting = SETTINGS[name];
    const flag = flagOf(dotted);
    const isShown =
      shown === 'all' ? !setting.isSecret || isFile : shown === 'store' && STORE_FLAGS.includes(flag);
    const option = new ConfigOption(flag, isFile ? 'FILE' : setting.syntax, helpOf(dotted));
    option.helpGroup(shown === 'all' ? `${SECTIONS[setting.section]}:` : 'Store:');
    command.addOption(isShown ? option : option.hideHelp());
  }
  return command;
}

function helpOf(dotted: string): string {
  const target = TARGETS.get(dotted);
  if (target === undefined) return '';
  const { help, defaultText } = SETTINGS[target.name];
  const text = target.isFile ? `File that holds it: ${help}` : help;
  const byDefault = defaultText === null || defaultText === '' ? '' : `default: ${defaultText}, `;
  return `${text} (${target.isFile ? '' : byDefault}env: ${variableOf(dotted)})`;
}

/** Flags such as `--engines-warehouse-url` can not be listed beforehand: those that are in `argv` are made known. */
export function addEngineFlags(command: Command, argv: readonly string[]): void {
  for (const argument of argv) {
    const flag = /^--(engines-[a-z0-9-]+)(=|$)/.exec(argument)?.[1];
    if (flag === undefined || targetOfFlag(flag) === null) continue;
    const isKnown = command.options.some((option) => option.long === `--${flag}`);
    if (!isKnown) command.addOption(new ConfigOption(flag, 'VALUE', '').hideHelp());
  }
}

/** The configuration from a command's flags (and those given before it), the environment and the file. */
export function configOf(command: Command, terminal: Terminal): Extract<LoadedConfig, { ok: true }> {
  const loaded = rereadConfig(command, terminal);
  if (!loaded.ok) throw new ConfigurationError(loaded.problems);
  return loaded;
}

/** The same, as it reads now: files may have changed. */
export function rereadConfig(command: Command, terminal: Terminal): LoadedConfig {
  return loadConfig({ flags: flagsOf(command), environment: terminal.environment });
}

function flagsOf(command: Command): ReadonlyMap<string, string> {
  const outer = command.parent === null ? new Map<string, string>() : flagsOf(command.parent);
  const flags = new Map(outer);
  for (const option of command.options) {
    if (!(option instanceof ConfigOption)) continue;
    const value: unknown = command.getOptionValue(option.attributeName());
    if (typeof value === 'string') flags.set(option.flag, value);
  }
  return flags;
}
