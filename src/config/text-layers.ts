import type { Entry, Layer } from './layer.ts';
import {
  CONFIG_FLAG,
  CONFIG_VARIABLE,
  ENVIRONMENT_PREFIX,
  flagOf,
  isServiceLink,
  targetOfFlag,
  targetOfVariable,
  TARGETS,
  variableOf,
} from './names.ts';
import { holdsPassword, problemOfPostgresUrl } from './postgres-url.ts';
import type { Environment } from './setting.ts';
import { SETTINGS } from './settings.ts';
import { didYouMean } from './suggest.ts';

/** @param flags by flag name without dashes, as in `listen-postgres` */
export function readFlagLayer(flags: ReadonlyMap<string, string>): Layer {
  const entries: Entry[] = [];
  const problems: string[] = [];
  for (const [flag, raw] of flags) {
    if (flag === CONFIG_FLAG) continue;
    const where = `--${flag}`;
    const target = targetOfFlag(flag);
    if (target === null) {
      const known = [...TARGETS.keys()].map((name) => `--${flagOf(name)}`);
      problems.push(`unknown option ${where}${didYouMean(where, known)}`);
    } else if (!target.isFile && SETTINGS[target.name].isSecret && holdsSecret(raw)) {
      problems.push(
        `${where}: a secret on the command line can be seen by others; use ${variableOf(target.name)} or ${where}-file`,
      );
    } else {
      entries.push({ target, raw, where, baseDir: process.cwd() });
    }
  }
  return { origin: 'flag', entries, problems };
}

/** A PostgreSQL URL without a password may be a flag; any other value of a secret setting may not. */
function holdsSecret(raw: string): boolean {
  return problemOfPostgresUrl(raw) !== null || holdsPassword(raw);
}

/** An empty variable counts as not set: `${NAME:-}` in a compose file makes such. */
export function readEnvironmentLayer(environment: Environment): Layer {
  const entries: Entry[] = [];
  const problems: string[] = [];
  for (const [variable, raw = ''] of Object.entries(environment)) {
    if (!variable.startsWith(ENVIRONMENT_PREFIX) || raw === '' || variable === CONFIG_VARIABLE) continue;
    const target = targetOfVariable(variable);
    if (target !== null) {
      entries.push({ target, raw, where: variable, baseDir: process.cwd() });
    } else if (!isServiceLink(variable, raw)) {
      const known = [CONFIG_VARIABLE, ...[...TARGETS.keys()].map(variableOf)];
      problems.push(`unknown environment variable ${variable}${didYouMean(variable, known)}`);
    }
  }
  return { origin: 'environment', entries, problems };
}
