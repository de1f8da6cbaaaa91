import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { acceptTls } from '../tls/accept.ts';
import type { TlsIdentity } from '../tls/server-tls.ts';
import {
  ALPN_PROTOCOL,
  MAX_PASSWORD_LENGTH,
  MAX_STARTUP_LENGTH,
  MIN_STARTUP_LENGTH,
} from '../wire/constants.ts';
import { clientMalformed } from '../wire/malformed.ts';
import { MessageReader } from '../wire/message-reader.ts';
import { negotiate } from '../wire/negotiate.ts';
import { badHeader, looksLikeProxyHeader } from '../wire/proxy.ts';
import {
  decodeFirstPacket,
  unsupportedProtocol,
  type CancelRequest,
  type FirstPacket,
  type StartupMessage,
} from '../wire/startup.ts';
import type { Transport } from '../wire/transport.ts';
import { Attempt } from './admit-attempt.ts';
import { askedAgain, badLength, silently, tlsRequired, unencryptedData } from './admit-refusals.ts';
import type { Admitted, AdmitOptions, CancelAsked, TlsInfo } from './admit-types.ts';
import { farewell } from './farewell.ts';
import { SilentClose } from './opening-socket.ts';
import { readProxyHeader } from './peer.ts';
import { awaitHello } from './tls-hello.ts';

export type { Admitted, AdmitOptions, CancelAsked, Refusal, TlsInfo } from './admit-types.ts';
export type { Peer } from './peer.ts';

/** First byte of a TLS handshake record: RFC 8446, 5.1. No start-up packet begins so: its length would be over 300 MB. */
const TLS_HANDSHAKE = 0x16;

/**
 * Takes a connection from its first byte to a start-up message or a cancel request: PROXY header, TLS, protocol version.
 * Listens for the socket's errors before anything else. Never fails: who is not admitted has been answered as PostgreSQL
 * would have, and the connection is closed.
 * @param socket freshly accepted, neither flowing nor read from
 */
export async function admit(socket: Socket, options: AdmitOptions): Promise<Admitted | CancelAsked | null> {
  const attempt = new Attempt(socket, options);
  try {
    return await open(attempt);
  } catch (error) {
    attempt.sendAway(error);
    return null;
  } finally {
    attempt.done();
  }
}

async function open(attempt: Attempt): Promise<Admitted | CancelAsked> {
  const { opening, options } = attempt;
  await attempt.firstByte();
  await options.turns.take(attempt.peer.address);
  if (options.isProxy(attempt.peer.address)) {
    attempt.peer = await readProxyHeader(opening, attempt.peer);
    if (attempt.peer.proxied) options.onClient?.(attempt.peer.address);
  }
  const head = await opening.read(4);
  if (head.readUInt8(0) !== TLS_HANDSHAKE) return openInTheClear(attempt, head);
  const identity = attempt.tlsIdentity();
  if (identity === null) throw new SilentClose(clientMalformed('direct TLS while TLS is off'));
  opening.unread(head);
  return openOverTls(attempt, identity, 'direct');
}

/** src/backend/tcop/backend_startup.c, ProcessStartupPacket: each kind of encryption may be asked for once. */
async function openInTheClear(attempt: Attempt, head: Buffer): Promise<Admitted | CancelAsked> {
  const { opening } = attempt;
  const asked = { ssl: false, gssenc: false };
  for (let lengthWord = head; ; lengthWord = await opening.read(4)) {
    const first = decodeFirstPacket(await opening.read(bodyLength(lengthWord)));
    if (first.kind !== 'ssl' && first.kind !== 'gssenc') return begin(attempt, first, null);
    if (asked[first.kind]) throw askedAgain(first.kind);
    asked[first.kind] = true;
    if (opening.arrived > 0) throw unencryptedData(first.kind);
    const identity = first.kind === 'ssl' ? attempt.tlsIdentity() : null;
    opening.write(Buffer.from(identity === null ? 'N' : 'S', 'latin1'));
    if (identity !== null) {
      await expectHandshake(attempt);
      return openOverTls(attempt, identity, 'requested');
    }
  }
}

/** Waits for the client's answer to our `S`, which must be a handshake and nothing else (CVE-2021-23214). */
async function expectHandshake({ opening }: Attempt): Promise<void> {
  const hello = await opening.read(1);
  if (hello.readUInt8(0) !== TLS_HANDSHAKE) throw unencryptedData('ssl');
  opening.unread(hello);
}

async function openOverTls(
  attempt: Attempt,
  identity: TlsIdentity,
  how: 'direct' | 'requested',
): Promise<Admitted | CancelAsked> {
  const { costsLater } = await awaitHello(attempt.opening, identity.groups);
  const encrypted = await shakeHands(attempt, identity, costsLater);
  const transport = attempt.encrypt(encrypted);
  // ALPN keeps a client that was lured here from another protocol's server from going on; src/backend/libpq/be-secure-openssl.c
  if (how === 'direct' && encrypted.alpnProtocol !== ALPN_PROTOCOL) {
    throw new SilentClose(clientMalformed(`direct TLS without ALPN protocol ${ALPN_PROTOCOL}`));
  }
  const tls: TlsInfo = {
    protocol: encrypted.getProtocol() ?? 'unknown',
    endPointHash: identity.endPointHash,
    serverName: typeof encrypted.servername === 'string' ? encrypted.servername : null,
  };
  const reader = makeReader(attempt, transport);
  const first = decodeFirstPacket(await firstEncryptedPacket(reader));
  if (first.kind === 'ssl' || first.kind === 'gssenc') throw askedAgain(first.kind);
  return begin(attempt, first, { tls, transport, reader });
}

async function shakeHands(
  { opening, options, peer }: Attempt,
  identity: TlsIdentity,
  costsLater: boolean,
): Promise<TLSSocket> {
  await options.turns.take(peer.address);
  const socket = opening.release();
  // one that closed meanwhile would never say so again
  if (socket.destroyed) throw new SilentClose(null);
  const handshake = acceptTls(socket, identity);
  const { boundedHandshakes } = options;
  return (costsLater ? boundedHandshakes.finish(peer.address, handshake) : handshake.done).catch(silently);
}

interface Encrypted {
  readonly tls: TlsInfo;
  readonly transport: Transport;
  readonly reader: MessageReader;
}

type Opening = Exclude<FirstPacket, { kind: 'ssl' | 'gssenc' }>;

function begin(attempt: Attempt, first: Opening, encrypted: Encrypted | null): Admitted | CancelAsked {
  switch (first.kind) {
    case 'cancel':
      return cancelAsked(attempt, first, encrypted?.transport ?? attempt.plain());
    case 'startup':
      return admitted(attempt, first, encrypted);
    case 'unsupported':
      attempt.speaksVersion2 = first.major < 3;
      throw unsupportedProtocol(first.major, first.minor);
    default:
      return first satisfies never;
  }
}

function admitted(attempt: Attempt, startup: StartupMessage, encrypted: Encrypted | null): Admitted {
  attempt.user = startup.user;
  if (encrypted === null && attempt.options.tlsMode === 'require') throw tlsRequired();
  const transport = encrypted?.transport ?? attempt.plain();
  const { minor, preface } = negotiate(startup);
  return {
    kind: 'session',
    transport,
    reader: encrypted?.reader ?? makeReader(attempt, transport),
    startup,
    tls: encrypted?.tls ?? null,
    peer: attempt.peer,
    minor,
    preface,
  };
}

function cancelAsked(attempt: Attempt, request: CancelRequest, transport: Transport): CancelAsked {
  const { clock } = attempt.options;
  const close = (): void => farewell(transport, Buffer.alloc(0), { clock });
  return { ...request, peer: attempt.peer, close };
}

function makeReader({ options }: Attempt, transport: Transport): MessageReader {
  return new MessageReader(transport, { maxLength: MAX_PASSWORD_LENGTH, deadline: options.deadline });
}

/** Length words out of bounds are no PostgreSQL client's: HTTP, scanners. PostgreSQL does not answer them either. */
function bodyLength(lengthWord: Buffer): number {
  const length = lengthWord.readUInt32BE(0);
  if (looksLikeProxyHeader(lengthWord)) {
    throw new SilentClose(badHeader('a PROXY header from an address that is not trusted to send one'));
  }
  if (length < MIN_STARTUP_LENGTH || length > MAX_STARTUP_LENGTH) throw badLength(length);
  return length - 4;
}

async function firstEncryptedPacket(reader: MessageReader): Promise<Buffer> {
  const packet = await reader.nextUntyped({ maxLength: MAX_STARTUP_LENGTH }).catch(silently);
  if (packet === null) throw new SilentClose(null);
  if (packet.length + 4 < MIN_STARTUP_LENGTH) throw badLength(packet.length + 4);
  return packet;
}
