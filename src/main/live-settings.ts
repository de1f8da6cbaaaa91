import type { Config } from '../config/config.ts';

/** The configuration in force. Whoever asks each time takes over what a reload changed. */
export class LiveSettings {
  #current: Config;

  constructor(config: Config) {
    this.#current = config;
  }

  get current(): Config {
    return this.#current;
  }

  replace(config: Config): void {
    this.#current = config;
  }
}
