import { Fields } from './fields.ts';

const TLS_1_3 = 0x0304;
/** RFC 8446, section 4.2. */
const EXTENSION = { supportedGroups: 10, supportedVersions: 43, keyShare: 51 } as const;

/** What a server will do with a hello. */
export interface HelloOutcome {
  /** The client offers TLS 1.3, which a server that speaks it takes. */
  readonly tls13: boolean;
  /** A TLS 1.3 server answers with a HelloRetryRequest. */
  readonly retried: boolean;
}

/**
 * A hello is retried when there is a group in common with the client, but the client sent no key share of any. RFC 8446, section
 * 4.1.1. What is malformed is refused by the server, and so never retried.
 * @param hello ClientHello of RFC 8446, section 4.1.2, without the head of a handshake message
 * @param groups that the server accepts, by their numbers; it takes any for which there is a share
 */
export function outcomeOf(hello: Buffer, groups: readonly number[]): HelloOutcome {
  const extensions = extensionsOf(hello);
  const versions = new Fields(extensions.get(EXTENSION.supportedVersions) ?? NONE).vector(1);
  const tls13 = numbers(versions).includes(TLS_1_3);
  const keyShare = extensions.get(EXTENSION.keyShare);
  if (!tls13 || keyShare === undefined) return { tls13, retried: false };
  const supported = numbers(new Fields(extensions.get(EXTENSION.supportedGroups) ?? NONE).vector(2));
  const ours = (group: number): boolean => groups.includes(group);
  return { tls13, retried: supported.some(ours) && !sharedGroups(keyShare).some(ours) };
}

const NONE = Buffer.alloc(0);

function extensionsOf(hello: Buffer): ReadonlyMap<number, Buffer> {
  const fields = new Fields(hello);
  fields.take(2 + 32); // legacy_version, random
  fields.vector(1); // legacy_session_id
  fields.vector(2); // cipher_suites
  fields.vector(1); // legacy_compression_methods
  const list = new Fields(fields.vector(2));
  const extensions = new Map<number, Buffer>();
  while (list.more) extensions.set(list.number(2), list.vector(2));
  return list.whole ? extensions : new Map();
}

/** RFC 8446, section 4.2.8: the groups of `client_shares`. */
function sharedGroups(keyShare: Buffer): number[] {
  const shares = new Fields(new Fields(keyShare).vector(2));
  const groups: number[] = [];
  while (shares.more) {
    groups.push(shares.number(2));
    shares.vector(2);
  }
  return groups;
}

function numbers(bytes: Buffer): number[] {
  const fields = new Fields(bytes);
  const all: number[] = [];
  while (fields.more) all.push(fields.number(2));
  return all;
}
