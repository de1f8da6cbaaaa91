/** A process that uses the embedded PostgreSQL in the directory named: prints its URLs, leaves when standard input ends. */
import { once } from 'node:events';
import { createLog } from '../../src/core/log.ts';
import { ensureEmbedded } from '../../src/embedded/embedded.ts';

const embedded = await ensureEmbedded({ dataDir: process.argv[2] ?? '', log: createLog('warn') });
const urls = { store: embedded.storeUrl.reveal(), engine: embedded.engineUrl.reveal() };
process.stdout.write(`${JSON.stringify(urls)}\n`);
await once(process.stdin.resume(), 'end');
await embedded.close();
