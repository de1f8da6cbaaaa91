import type { Setting } from './setting.ts';
import type { SETTINGS, SettingName } from './settings.ts';
import type { Secret } from '../core/secret.ts';

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;
type ValueOf<N extends SettingName> = (typeof SETTINGS)[N] extends Setting<infer T> ? T : never;
type SectionOf<N extends string> = N extends `${infer S}.${string}` ? S : never;
type TopLevel = Exclude<SettingName, `${string}.${string}`>;
type Members<S extends string> = {
  readonly [N in SettingName as N extends `${S}.${infer Key}` ? Camel<Key> : never]: ValueOf<N>;
};

/** What is said of engines in common. */
export type EngineDefaults = Omit<Members<'engine'>, 'url' | 'password'>;

/** One engine, under its name in `engines`. The URL holds the password, if there is one. */
export type EngineConfig = EngineDefaults & { readonly url: Secret };

/**
 * The loaded configuration, derived from the settings table: `listen.proxy_protocol_from` is `config.listen.proxyProtocolFrom`.
 * Durations are milliseconds. Frozen.
 */
export type Config = {
  readonly [N in TopLevel as Camel<N>]: ValueOf<N>;
} & {
  readonly [S in Exclude<SectionOf<SettingName>, 'engine' | 'store'>]: Members<S>;
} & {
  /** `url` null: the embedded PostgreSQL. A separate password is merged into the URL. */
  readonly store: Omit<Members<'store'>, 'password'>;
  /** By name; `engine.url` is `main`. Empty: the embedded demo engine stands in as `main`. */
  readonly engines: ReadonlyMap<string, EngineConfig>;
  /** `engine.*`: holds for the embedded engine, and for each engine that does not say otherwise. */
  readonly engineDefaults: EngineDefaults;
};
