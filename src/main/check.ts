export { checkEngine } from './check-engine.ts';
export { checkTls } from './check-tls.ts';
export { engineOptions } from './engine-options.ts';
