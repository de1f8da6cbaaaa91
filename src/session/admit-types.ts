import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import type { Clock } from '../core/clock.ts';
import type { GatewayError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { ServerTls } from '../tls/server-tls.ts';
import type { MessageReader } from '../wire/message-reader.ts';
import type { StartupMessage } from '../wire/startup.ts';
import type { Transport } from '../wire/transport.ts';
import type { Peer } from './peer.ts';
import type { BoundedHandshakes } from './tls-hello.ts';
import type { Turns } from './turns.ts';

/** What the handshake settled that login and audit want to know. */
export interface TlsInfo {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string;
  /** Channel binding data; null when none is defined for the certificate. */
  readonly endPointHash: Buffer | null;
  /** The host name that the client asked for (SNI). */
  readonly serverName: string | null;
}

/** A client that wants a session, and has proved nothing yet. */
export interface Admitted {
  readonly kind: 'session';
  readonly transport: Transport;
  /** Reads from the transport; fails with `wire.timeout` after the deadline. */
  readonly reader: MessageReader;
  readonly startup: StartupMessage;
  /** Null on a plaintext connection. */
  readonly tls: TlsInfo | null;
  readonly peer: Peer;
  /** Minor version of protocol 3 in force. */
  readonly minor: 0 | 2;
  /** NegotiateProtocolVersion, to be sent before anything else; may be empty. */
  readonly preface: Buffer;
}

/** A request to cancel another session's query. */
export interface CancelAsked {
  readonly kind: 'cancel';
  readonly processId: number;
  readonly key: Buffer;
  readonly peer: Peer;
  /** Closes the connection, which tells the client that the cancel has been sent on: call it after that, whatever came of it. */
  close(): void;
}

/** Why a client was sent away before login. */
export interface Refusal {
  readonly error: GatewayError;
  readonly peer: Peer;
  /** Whom it said it was, if it got so far. */
  readonly user: string | null;
}

export interface AdmitOptions {
  /** Null only when `tlsMode` is `off`. */
  readonly tls: ServerTls | null;
  readonly tlsMode: 'require' | 'prefer' | 'off';
  /** Whose PROXY header is demanded and believed. */
  readonly isProxy: (address: string) => boolean;
  /** From accept to the first byte. */
  readonly firstByteTimeoutMs: number;
  /** Aborted when the whole of login has taken too long. */
  readonly deadline: AbortSignal;
  readonly makeTransport: {
    /** What has arrived is still in the socket's read buffer, and comes first. */
    plain(socket: Socket): Transport;
    tls(socket: TLSSocket): Transport;
  };
  /** Taken before each step that costs something. */
  readonly turns: Turns;
  /** Those of everyone. */
  readonly boundedHandshakes: BoundedHandshakes;
  readonly clock: Clock;
  readonly log: Log;
  /** Called with the client's address when a PROXY header has told it. */
  readonly onClient?: (address: string) => void;
  /** Called for each client that was sent away; not for those who left without a word. */
  readonly onRefused?: (refusal: Refusal) => void;
}
