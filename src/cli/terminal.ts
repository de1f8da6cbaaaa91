import type { Readable, Writable } from 'node:stream';
import type { Environment } from '../config/setting.ts';

/** Standard input; raw mode exists on a terminal only. */
export interface Input extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
}

export interface Output extends Writable {
  readonly isTTY?: boolean;
}

/** All of the outside that a command touches: data go to `stdout`, everything else to `stderr`. */
export interface Terminal {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Environment;
}

export function processTerminal(): Terminal {
  const { stdin, stdout, stderr, env } = process;
  return { stdin, stdout, stderr, environment: env };
}

/** A line for people, such as what was done. */
export function say(terminal: Terminal, message: string): void {
  terminal.stderr.write(`${printable(message)}\n`);
}

/** Control characters would let a label or an error text steer the terminal that shows it. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    escape,
  );
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** https://no-color.org: any value that is not empty turns colours off. */
export function usesColor(terminal: Terminal): boolean {
  const { NO_COLOR: noColor = '', TERM: term = '' } = terminal.environment;
  return terminal.stdout.isTTY === true && noColor === '' && term !== 'dumb';
}
