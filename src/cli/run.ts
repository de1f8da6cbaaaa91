import { buildProgram } from './program.ts';
import { EXIT, exitCodeOf, linesOf, type ExitCode } from './failure.ts';
import { say, type Terminal } from './terminal.ts';

/**
 * Runs one command line to its end; never throws.
 * @param argv without node and script
 */
export async function runCommandLine(terminal: Terminal, argv: readonly string[]): Promise<ExitCode> {
  try {
    await buildProgram(terminal, argv).parseAsync(argv, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    for (const line of linesOf(error)) say(terminal, `patgate: ${line}`);
    return exitCodeOf(error);
  }
}
