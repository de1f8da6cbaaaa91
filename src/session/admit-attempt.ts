import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { GatewayError } from '../core/errors.ts';
import type { TlsIdentity } from '../tls/server-tls.ts';
import { encodeBackend, encodeErrorVersion2 } from '../wire/backend.ts';
import { loginTimedOut } from '../wire/malformed.ts';
import type { Transport } from '../wire/transport.ts';
import type { AdmitOptions } from './admit-types.ts';
import { farewell } from './farewell.ts';
import { OpeningSocket, SilentClose } from './opening-socket.ts';
import { connectionPeer, type Peer } from './peer.ts';

/** One connection's way in: what is known of it so far, and how it is sent away from wherever it has got to. */
export class Attempt {
  readonly options: AdmitOptions;
  readonly opening: OpeningSocket;
  peer: Peer;
  user: string | null = null;
  /** The client speaks protocol 2, and understands only that form of an error. */
  speaksVersion2 = false;
  #transport: Transport | null = null;
  readonly #onDeadline = (): void => this.#destroy();

  constructor(socket: Socket, options: AdmitOptions) {
    this.options = options;
    this.opening = new OpeningSocket(socket);
    this.peer = connectionPeer(socket);
    options.deadline.addEventListener('abort', this.#onDeadline);
    if (options.deadline.aborted) this.#destroy();
  }

  /** Waits for the client to say anything at all. @throws SilentClose when it does not in time */
  async firstByte(): Promise<void> {
    const timer = this.options.clock.after(this.options.firstByteTimeoutMs, () => this.#destroy());
    try {
      this.opening.unread(await this.opening.read(1));
    } finally {
      timer.cancel();
    }
  }

  /** Null when TLS is off. */
  tlsIdentity(): TlsIdentity | null {
    return this.options.tlsMode === 'off' ? null : (this.options.tls?.current() ?? null);
  }

  /** From here on the client is spoken to over TLS. */
  encrypt(socket: TLSSocket): Transport {
    this.#transport = this.options.makeTransport.tls(socket);
    return this.#transport;
  }

  /** From here on the client is spoken to in the clear. @throws SilentClose when it has gone */
  plain(): Transport {
    this.#transport = this.#plainIfOpen();
    if (this.#transport === null) throw new SilentClose(null);
    return this.#transport;
  }

  /** Answers what can be answered, closes, and reports. */
  sendAway(thrown: unknown): void {
    const error = this.options.deadline.aborted ? new SilentClose(loginTimedOut()) : thrown;
    if (error instanceof SilentClose) {
      this.#destroy();
      this.#report(error.reason);
    } else if (error instanceof GatewayError) {
      this.#answer(error);
      this.#report(error);
    } else {
      this.#destroy();
      this.options.log.error({ err: error, peer: this.peer }, 'a connection could not be admitted');
    }
  }

  /** Admitted or sent away: the deadline is someone else's now. */
  done(): void {
    this.options.deadline.removeEventListener('abort', this.#onDeadline);
  }

  #answer(error: GatewayError): void {
    const transport = this.#transport ?? this.#plainIfOpen();
    if (transport === null) return;
    const frame = this.speaksVersion2
      ? encodeErrorVersion2(error.client)
      : encodeBackend({ kind: 'errorResponse', fault: error.client });
    farewell(transport, frame, { clock: this.options.clock });
  }

  #plainIfOpen(): Transport | null {
    const socket = this.opening.release();
    return socket.destroyed ? null : this.options.makeTransport.plain(socket);
  }

  #report(reason: GatewayError | null): void {
    const { log, onRefused } = this.options;
    log.debug(
      { peer: this.peer, code: reason?.code, reason: reason?.message },
      'connection closed before login',
    );
    if (reason !== null) onRefused?.({ error: reason, peer: this.peer, user: this.user });
  }

  #destroy(): void {
    if (this.#transport === null) this.opening.destroy();
    else this.#transport.destroy();
  }
}
