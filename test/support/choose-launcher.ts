/** Prints where PostgreSQL's programs are run from, given a home and what npm installed. */
import { chooseLauncher } from '../../src/embedded/launch.ts';
import { installedNative } from '../../src/embedded/native.ts';

const [home = '', root = ''] = process.argv.slice(2);
const { version } = await installedNative();
const launcher = await chooseLauncher(home, { root, version }, ['direct']);
process.stdout.write(`${launcher.native.root}\n`);
