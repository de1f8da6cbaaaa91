import type { Config } from './config.ts';
import type { Value } from './load.ts';
import { MAIN_ENGINE } from './names.ts';
import type { SettingName } from './settings.ts';
import { didYouMean } from './suggest.ts';

/** What settings demand of each other; adds a line to `problems` for each contradiction. */
export function checkTogether(config: Config, values: ReadonlyMap<string, Value>, problems: string[]): void {
  checkPairs(config, problems);
  checkNeeds(values, problems);
  checkDatabases(config, problems);
  if (config.tls.mode === 'off' && config.login.method === 'cleartext') {
    problems.push('login.method = cleartext needs TLS, but tls.mode is off: nobody could log in');
  }
}

function checkPairs(config: Config, problems: string[]): void {
  const pair = (cert: string | null, key: string | null, section: string): void => {
    if ((cert === null) !== (key === null)) {
      problems.push(`${section}.cert_file and ${section}.key_file belong together: give both or neither`);
    }
  };
  pair(config.tls.certFile, config.tls.keyFile, 'tls');
  for (const [name, engine] of config.engines) {
    pair(engine.certFile, engine.keyFile, name === MAIN_ENGINE ? 'engine' : `engines.${name}`);
  }
}

/** The first has no effect, or no safe one, without the second. */
const NEEDS: readonly (readonly [SettingName, SettingName])[] = [
  ['store.password', 'store.url'],
  ['oauth.issuer', 'oauth.audience'],
  ['oauth.audience', 'oauth.issuer'],
  ['oauth.jwks_url', 'oauth.issuer'],
  ['oauth.client_id', 'oauth.issuer'],
  ['oauth.client_secret', 'oauth.client_id'],
  ['webhook.url', 'webhook.secret'],
  ['smtp.url', 'smtp.from'],
];

function checkNeeds(values: ReadonlyMap<string, Value>, problems: string[]): void {
  for (const [name, needed] of NEEDS) {
    const given = values.get(name);
    if (given !== undefined && !values.has(needed)) problems.push(`${given.where}: needs ${needed} too`);
  }
}

function checkDatabases(config: Config, problems: string[]): void {
  const known = config.engines.size === 0 ? [MAIN_ENGINE] : [...config.engines.keys()];
  for (const [name, { engine }] of config.databases) {
    if (name === config.console.database) {
      problems.push(
        `databases: ${name} is the SQL console and can not be routed; set console.database to another name, or to off`,
      );
    }
    if (!known.includes(engine)) {
      problems.push(
        `databases: ${name} means the engine ${engine}, which is not configured${didYouMean(engine, known)}; ` +
          `engines: ${known.join(', ')}`,
      );
    }
  }
}
