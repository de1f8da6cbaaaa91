/** Takes the lock in the directory named, says so, and keeps it. */
import { acquireLock } from '../../src/embedded/lock.ts';

await acquireLock(process.argv[2] ?? '', 1000);
process.stdout.write('held\n');
process.stdin.resume();
