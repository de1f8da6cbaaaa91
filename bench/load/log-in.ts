import { deriveKeys, type ClientKeys } from '../../src/scram/keys.ts';
import { chooseMechanism, startClientExchange } from '../../src/scram/client-exchange.ts';
import { frame } from '../engines/frames.ts';
import type { Door } from '../targets/target.ts';

/** One message of a server. */
export interface Answer {
  readonly type: string;
  readonly body: Buffer;
}

/** The messages of a login, one after the other; the rest of what came is left to the reader. */
export interface Messages {
  next(): Promise<Answer>;
  write(bytes: Buffer): void;
}

/** PBKDF2 once for each secret and salt, as drivers with a pool do it. */
const known = new Map<string, Promise<ClientKeys>>();

/** Start-up packet to ReadyForQuery. @throws Error with what the server said */
export async function logIn(messages: Messages, { user, database, password }: Door): Promise<void> {
  messages.write(startupPacket({ user, database }));
  for (;;) {
    const { type, body } = await messages.next();
    if (type === 'E') throw new Error(body.toString('utf8').replaceAll('\0', ' '));
    if (type === 'Z') return;
    if (type !== 'R') continue;
    const request = body.readInt32BE(0);
    if (request === AUTH.cleartext) messages.write(frame('p', `${password}\0`));
    else if (request === AUTH.sasl) await scram(messages, password);
    else if (request !== AUTH.ok) throw new Error(`authentication request ${request}`);
  }
}

const AUTH = { ok: 0, cleartext: 3, sasl: 10 } as const;

async function scram(messages: Messages, password: string): Promise<void> {
  const mechanism = chooseMechanism(['SCRAM-SHA-256'], null);
  if (mechanism === null) throw new Error('no mechanism');
  const exchange = startClientExchange(mechanism);
  const length = Buffer.alloc(4);
  length.writeInt32BE(exchange.message.length);
  messages.write(frame('p', Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), length, exchange.message])));
  const final = await exchange.answer(await saslData(messages), ({ salt, iterations }) => {
    const key = `${password} ${iterations} ${salt.toString('base64')}`;
    const keys = known.get(key) ?? deriveKeys(password, { salt, iterations });
    known.set(key, keys);
    return keys;
  });
  messages.write(frame('p', final.message));
  final.finish(await saslData(messages));
}

async function saslData(messages: Messages): Promise<Buffer> {
  const { type, body } = await messages.next();
  if (type !== 'R') throw new Error(body.toString('utf8').replaceAll('\0', ' '));
  return body.subarray(4);
}

function startupPacket(parameters: Readonly<Record<string, string>>): Buffer {
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`);
  const body = Buffer.from(`\0\x03\0\0${pairs.join('')}\0`, 'latin1');
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([length, body]);
}
