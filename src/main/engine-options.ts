import type { Config, EngineDefaults } from '../config/config.ts';
import { MAIN_ENGINE } from '../config/names.ts';
import { OAUTH_USER } from '../login/method.ts';
import type { Secret } from '../core/secret.ts';
import type { EngineOptions } from '../upstream/engine.ts';
import { Engines, type EnginesOptions } from '../upstream/engines.ts';

export type { Engines };

/** The demo engine that comes with the package. */
export interface EmbeddedEngine {
  readonly engineUrl: Secret;
  /** Of the roles there, for `engine.identity = role`. */
  readonly passwordsFile: string;
}

/**
 * The engines that the configuration names.
 * @param embedded stands in as `main` when there are none
 */
export function engineOptions(config: Config, embedded: EmbeddedEngine | null): readonly EngineOptions[] {
  if (config.engines.size === 0 && embedded !== null) {
    const passwordsFile = config.engineDefaults.passwordsFile ?? embedded.passwordsFile;
    return [optionsOf(MAIN_ENGINE, embedded.engineUrl, { ...config.engineDefaults, passwordsFile })];
  }
  return [...config.engines].map(([name, engine]) => optionsOf(name, engine.url, engine));
}

/**
 * Reads everything that the engines need, and where database names lead.
 * @throws RequestError config.invalid
 */
export function loadEngines(config: Config, embedded: EmbeddedEngine | null): Promise<Engines> {
  return Engines.load(enginesOf(config, embedded));
}

/** The engines that the configuration names, and where database names lead. */
export function enginesOf(config: Config, embedded: EmbeddedEngine | null): EnginesOptions {
  const { databases, login } = config;
  const tokenUsers = [...login.tokenUsers, OAUTH_USER];
  return { engines: engineOptions(config, embedded), databases, tokenUsers };
}

function optionsOf(name: string, url: Secret, engine: EngineDefaults): EngineOptions {
  const { identity, caFile, certFile, keyFile, passwordsFile, insecurePasswords } = engine;
  return {
    name,
    url,
    identity,
    caFile,
    certFile,
    keyFile,
    passwordsFile,
    insecurePasswords,
    connectTimeoutMs: engine.connectTimeout,
    keepAliveMs: engine.keepalive,
  };
}
