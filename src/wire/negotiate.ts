import { encodeBackend } from './backend.ts';
import { NEWEST_MINOR } from './constants.ts';
import type { StartupMessage } from './startup.ts';

/** Which protocol a session with a client uses. */
export interface Negotiated {
  /** Minor version of protocol 3 in force: 2 means that BackendKeyData may carry a long key. */
  readonly minor: 0 | 2;
  /** NegotiateProtocolVersion, to be sent before any other message; empty when there is nothing to tell. */
  readonly preface: Buffer;
}

/**
 * Answers the version and the options that a client asked for, as PostgreSQL 18 does (src/backend/tcop/backend_startup.c,
 * SendNegotiateProtocolVersion). libpq takes a `v` for an error if it changes nothing, names options that were not asked
 * for, or says 3.1, a version that exists in no release: who asks for 3.1 gets 3.0.
 */
export function negotiate(startup: StartupMessage): Negotiated {
  const minor = startup.protocol.minor >= NEWEST_MINOR ? NEWEST_MINOR : 0;
  const unknownOptions = startup.protocolOptions;
  const nothingToTell = startup.protocol.minor <= NEWEST_MINOR && unknownOptions.length === 0;
  return {
    minor,
    preface: nothingToTell
      ? Buffer.alloc(0)
      : encodeBackend({ kind: 'negotiateProtocolVersion', minor, unknownOptions }),
  };
}
