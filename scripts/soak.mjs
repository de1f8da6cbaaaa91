// `npm run soak -- --minutes 10 --seed 1`: a gateway under load while its store, its engine and the networks break.
import { runCompiled } from './compiled-bench.mjs';

runCompiled('soak/main.js', process.argv.slice(2));
