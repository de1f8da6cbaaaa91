/** A PostgreSQL URL in the pieces that stand in it, nothing of them decoded. */
export interface PostgresUrl {
  /** With what follows it: `postgres://`. */
  readonly scheme: string;
  /** Before the `@`; null when there is none. */
  readonly userInfo: string | null;
  /** One or several, with their ports and commas; may be empty. */
  readonly hosts: string;
  /** Without the slash; null when there is none. */
  readonly path: string | null;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
}

/** libpq's form, which may name several hosts: the URL class knows one only. */
const FORM = /^(postgres(?:ql)?:\/\/)(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s;

/** @returns null when it is none */
export function splitPostgresUrl(url: string): PostgresUrl | null {
  const match = FORM.exec(url);
  if (match === null) return null;
  const [, scheme = '', userInfo = null, hosts = '', path = null, query = ''] = match;
  return { scheme, userInfo, hosts, path, query };
}

/** What libpq calls target_session_attrs, as far as a store can use it: it has to take changes. */
export const STORE_ATTRIBUTES = ['any', 'read-write', 'primary'] as const;
