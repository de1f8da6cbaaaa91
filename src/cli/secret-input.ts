import { Secret } from '../core/secret.ts';
import { UsageError } from './failure.ts';
import type { Input, Terminal } from './terminal.ts';

const LONGEST_SECRET = 65_536;

/** All of standard input, without the line break at its end. */
export async function readSecretFromStdin(terminal: Terminal): Promise<Secret> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of terminal.stdin) {
    const bytes = Buffer.from(chunk as Buffer | string);
    size += bytes.length;
    if (size > LONGEST_SECRET) throw new UsageError('standard input is too long to be a secret');
    chunks.push(bytes);
  }
  const text = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (text === '') throw new UsageError('standard input holds no secret');
  return new Secret(text);
}

/**
 * A new password: from standard input when asked so, else typed twice on a terminal without being shown.
 * @throws UsageError where neither is possible
 */
export async function readNewPassword(terminal: Terminal, fromStdin: boolean, user: string): Promise<Secret> {
  if (fromStdin) return readSecretFromStdin(terminal);
  if (terminal.stdin.isTTY !== true) {
    throw new UsageError('standard input is no terminal to ask for the password: give --password-stdin');
  }
  const first = await ask(terminal, `New password for ${user}: `);
  if (first === '') throw new UsageError('the password is empty');
  if ((await ask(terminal, 'The same again: ')) !== first) throw new UsageError('the two are not the same');
  return new Secret(first);
}

const ENTER = /[\r\n\u0004]/;
const INTERRUPT = '\u0003';
const ERASE = /[\u0008\u007f]/;
const ERASE_LINE = '\u0015';

/** Reads one line without echo. Ctrl-C ends the command. */
async function ask(terminal: Terminal, prompt: string): Promise<string> {
  const { stdin, stderr } = terminal;
  stderr.write(prompt);
  stdin.setRawMode?.(true);
  try {
    return await readHiddenLine(stdin);
  } finally {
    stdin.setRawMode?.(false);
    stdin.pause();
    stderr.write('\n');
  }
}

function readHiddenLine(stdin: Input): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const settle = (finish: () => void): void => {
      stdin.off('data', onData);
      finish();
    };
    const onData = (chunk: Buffer | string): void => {
      for (const character of chunk.toString()) {
        if (ENTER.test(character)) {
          settle(() => resolve(typed.join('')));
          return;
        }
        if (character === INTERRUPT) {
          settle(() => reject(new UsageError('interrupted')));
          return;
        }
        typed = edited(typed, character);
      }
    };
    stdin.on('data', onData);
    stdin.resume();
  });
}

function edited(typed: readonly string[], character: string): string[] {
  if (ERASE.test(character)) return typed.slice(0, -1);
  return character === ERASE_LINE ? [] : [...typed, character];
}
