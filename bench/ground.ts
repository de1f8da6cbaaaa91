import { chmodSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { developmentTls, type DevelopmentTls } from '../src/tls/development.ts';
import { startPostgres, type Postgres } from './engines/postgres.ts';
import { startModule, type Started } from './processes.ts';

/** Where an engine listens: by TCP on 127.0.0.1, and on the Unix socket `.s.PGSQL.<port>` in a directory. */
export interface EngineAddress {
  readonly port: number;
  readonly socketDirectory: string;
}

/** What every target stands on. */
export interface Ground {
  /** For what targets write; gone at the end. */
  readonly directory: string;
  readonly certificate: DevelopmentTls;
  /** Answers at once, believes everyone. */
  readonly fake: EngineAddress;
  /** PostgreSQL: the engine, and the gateway's store. */
  readonly postgres: Postgres;
  close(): Promise<void>;
}

export async function prepareGround(): Promise<Ground> {
  const directory = mkdtempSync(join(tmpdir(), 'patgate-bench-'));
  // PgBouncer runs as nobody when we are root
  chmodSync(directory, 0o755);
  const started: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const stop of started.splice(0).reverse()) await stop();
  };
  try {
    const fake = await startFake(directory);
    started.push(() => fake.stop());
    const postgres = await startPostgres(join(directory, 'postgres'));
    started.push(() => postgres.stop());
    return {
      directory,
      certificate: await developmentTls(join(directory, 'tls'), { names: ['127.0.0.1'], now: new Date() }),
      fake: { port: fake.port, socketDirectory: directory },
      postgres,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function startFake(socketDirectory: string): Promise<Started> {
  return startModule(new URL('./engines/fake-engine.js', import.meta.url), [socketDirectory]);
}
