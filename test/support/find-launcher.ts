/** Prints how PostgreSQL would be started by this account, for a directory. */
import { findLauncher } from '../../src/embedded/launch.ts';

const [directory = ''] = process.argv.slice(2);
const { mode } = await findLauncher(directory);
process.stdout.write(`${mode}\n`);
