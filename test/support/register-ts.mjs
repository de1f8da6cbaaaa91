// `node --import ./test/support/register-ts.mjs file.ts`: runs the sources in a child process without building them.
// Node 22.18 and newer strip types by themselves; older ones get the compiler that is installed anyway.
import { register } from 'node:module';

if (!process.features.typescript) register(new URL('./transpile-hooks.mjs', import.meta.url));
