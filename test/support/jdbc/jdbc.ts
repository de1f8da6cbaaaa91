import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Clients } from '../clients.ts';

/** What the driver's SQLException says. */
export class JdbcError extends Error {
  readonly sqlState: string;

  constructor(sqlState: string, message: string) {
    super(message);
    this.sqlState = sqlState;
  }
}

/** pgjdbc in a JVM of its own, which takes a second to start: one for a file. */
export class Jdbc {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
  }

  static start({ java, jar }: NonNullable<Clients['jdbc']>): Jdbc {
    const source = fileURLToPath(new URL('Bridge.java', import.meta.url));
    // As much as 100 MB at once, and a start that is quick rather than code that is.
    const flags = ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Duser.timezone=Asia/Tokyo'];
    return new Jdbc(spawn(java, [...flags, '-cp', jar, source], { stdio: 'pipe' }));
  }

  /**
   * One of the commands of Bridge.java.
   * @throws JdbcError
   */
  async call(command: string, ...args: readonly (string | number)[]): Promise<readonly string[]> {
    this.#child.stdin.write(`${[command, ...args].map(encodeURIComponent).join(' ')}\n`);
    const next = await this.#lines.next();
    if (next.done === true) throw new Error(`the JVM has ended: ${this.#errors}`);
    const [kind, ...words] = next.value
      .split(' ')
      .map((word) => decodeURIComponent(word.replaceAll('+', ' ')));
    if (kind === 'ok') return words;
    throw new JdbcError(words[0] ?? '', words[1] ?? '');
  }

  /** With this connection as the current one. */
  async withConnection<T>(
    url: string,
    properties: Readonly<Record<string, string>>,
    use: () => Promise<T>,
  ): Promise<T> {
    await this.call('open', url, ...Object.entries(properties).flat());
    try {
      return await use();
    } finally {
      await this.call('close');
    }
  }

  async stop(): Promise<void> {
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await once(this.#child, 'close');
  }
}
