import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options?: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void;

/** V8 before 12 takes any argument for the wish to collect the young generation only. */
const TAKES_OPTIONS = Number(process.versions.node.split('.')[0]) >= 22;

/**
 * A full collection now, which also gives pages back to the system (in Node 20 a moment later). V8 puts it off for as long as
 * little new is made, and a process that takes in nobody makes little.
 */
export function garbageCollector(): () => void {
  let collect: Collect | null = null;
  return () => {
    collect ??= exposed();
    if (TAKES_OPTIONS) collect({ type: 'major', flavor: 'last-resort' });
    else collect();
  };
}

/** A context that is made while the flag is on has the function; nobody else gets it. */
function exposed(): Collect {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  return collect;
}
