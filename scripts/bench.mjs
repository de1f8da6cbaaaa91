// `npm run bench`: the product beside its peers.
import { runCompiled } from './compiled-bench.mjs';

runCompiled('main.js', process.argv.slice(2));
