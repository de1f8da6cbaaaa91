// `npm start`: from a bare clone to a running gateway with a demo engine. Arguments are those of `patgate serve`.
import module from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkNode, ensureBuilt, ensureInstalled, root, setUp } from './set-up.mjs';

checkNode();
setUp([ensureInstalled, ensureBuilt]);

// Compiled code is kept from one start to the next, where Node can do so (22.8).
module.enableCompileCache?.(join(root, 'node_modules/.cache/patgate'));

const main = join(root, 'dist/cli/main.js');
process.argv.splice(1, 1, main, 'serve');
await import(pathToFileURL(main).href);
