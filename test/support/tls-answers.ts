import { Duplex } from 'node:stream';
import { connect, TLSSocket, type ConnectionOptions, type SecureContext } from 'node:tls';

/** What a server says to a client's bytes, in order; 'closed' when it ends the handshake without a word. */
export type TlsAnswer = 'ServerHello' | 'HelloRetryRequest' | `alert ${number}` | 'closed';

/**
 * What OpenSSL answers to bytes that arrive in these pieces and are all that ever arrive.
 * @returns empty if it was waiting for more when they ended
 */
export function opensslAnswers(context: SecureContext, ...pieces: readonly Buffer[]): Promise<TlsAnswer[]> {
  return new Promise((resolve) => {
    const out: Buffer[] = [];
    const unread = [...pieces];
    let failed = false;
    const wire = new Duplex({
      read() {
        // one after the other, each when the one before has been answered
        setImmediate(() => this.push(unread.shift() ?? null));
      },
      write(chunk: Buffer, _encoding, done) {
        out.push(chunk);
        done();
      },
    });
    const server = new TLSSocket(wire, { isServer: true, secureContext: context });
    const fail = (): void => {
      failed = true;
      server.destroy();
    };
    wire.on('end', () => server.destroy());
    server.on('_tlsError', fail).on('error', fail);
    server.on('close', () => {
      const answers = answersIn(Buffer.concat(out));
      resolve(
        failed && answers.every((answer) => !answer.startsWith('alert')) ? [...answers, 'closed'] : answers,
      );
    });
    server.resume();
  });
}

/** The first bytes of Node's own client. */
export function nodeHello(options: ConnectionOptions = {}): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read() {
        // nothing ever comes
      },
      write(chunk: Buffer, _encoding, done) {
        resolve(chunk);
        done();
        this.destroy();
      },
    });
    const client = connect({ socket: wire, rejectUnauthorized: false, ...options });
    client.on('error', () => client.destroy());
  });
}

/** RFC 8446, section 4.1.3: the random of a ServerHello that is a HelloRetryRequest. */
const RETRY_RANDOM = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex');

function answersIn(bytes: Buffer): TlsAnswer[] {
  const answers: TlsAnswer[] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) {
    const [type, content] = [bytes[at], bytes.subarray(at + 5, at + 5 + bytes.readUInt16BE(at + 3))];
    if (type === 21 && content.length === 2) answers.push(`alert ${content.readUInt8(1)}`);
    if (type !== 22 || content[0] !== 2) continue;
    answers.push(content.subarray(6, 38).equals(RETRY_RANDOM) ? 'HelloRetryRequest' : 'ServerHello');
  }
  return answers;
}
