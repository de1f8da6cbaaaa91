import type { ErrorCode } from './errors.ts';

/** What goes with an error code, besides its meaning in ERROR_CODES. `docs/errors.md` is generated from both. */
export interface ErrorReference {
  /** SQLSTATEs that a SQL client can get for it; none when it never reaches one, or is not fixed. */
  readonly sqlStates: readonly string[];
  /** Status that an HTTP client gets; null when it never reaches one. */
  readonly httpStatus: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 429 | 500 | 503 | null;
  /** What an operator can do. */
  readonly remedy: string;
}

/** Looks like any failed login from outside: an HTTP client hears 401, a SQL client 28P01. */
const SECRET_REFUSED = { sqlStates: ['28P01'], httpStatus: 401 } as const;
/** The same, where the secret may also have been an identity provider’s by OAUTHBEARER, whose refusal has another SQLSTATE. */
const OWNER_REFUSED = { sqlStates: ['28P01', '28000'], httpStatus: 401 } as const;
/** The secret was right, so the client is told. */
const SECRET_UNUSABLE = { sqlStates: ['28000'], httpStatus: 401 } as const;
/** The secret was right, and would be elsewhere. */
const ADDRESS_REFUSED = { sqlStates: ['28000'], httpStatus: 403 } as const;
const REAL_ADDRESS =
  'Behind a balancer, listen.proxy_protocol_from and http.trusted_proxies make the real address known.';
const CLIENT_BROKE_PROTOCOL = {
  sqlStates: ['08P01'],
  httpStatus: null,
  remedy:
    'See which client it is by its address. A port scan or a broken proxy in between is more common than a broken driver.',
} as const;
const SESSION_ENDED = { sqlStates: ['57P01'], httpStatus: null } as const;
const STORE_TROUBLE = { sqlStates: ['57P03'], httpStatus: 503 } as const;
const POLICY_FORBIDS = { sqlStates: ['42501'], httpStatus: 403 } as const;
const LOOK_AT_ENGINE_LOG = 'The log line has the engine’s own words. `patgate check` tries again.';

export const ERROR_REFERENCE = {
  'wire.malformed': { ...CLIENT_BROKE_PROTOCOL, sqlStates: ['08P01', '0A000', '28000'] },
  'wire.unsupported_protocol': {
    sqlStates: ['0A000'],
    httpStatus: null,
    remedy: 'Use a client that speaks protocol 3.0, as all have since PostgreSQL 7.4.',
  },
  'wire.plaintext_behind_ssl_request': {
    ...CLIENT_BROKE_PROTOCOL,
    remedy: 'Somebody between client and gateway injects bytes (CVE-2021-23214). Look at what is in between.',
  },
  'wire.tls_handshake': {
    sqlStates: [],
    httpStatus: null,
    remedy:
      'Most often the client does not trust the certificate: give it the CA file of tls.ca_file, and a host name that is in the certificate.',
  },
  'wire.proxy_header': {
    sqlStates: [],
    httpStatus: null,
    remedy:
      'Have the balancer send PROXY protocol, and list its address in listen.proxy_protocol_from; or neither of the two.',
  },
  'wire.timeout': {
    sqlStates: ['57014'],
    httpStatus: null,
    remedy:
      'Usually somebody waits at a password prompt. If an engine takes long to start sessions, raise login.timeout.',
  },

  'login.tls_required': {
    sqlStates: ['28000'],
    httpStatus: null,
    remedy: 'Set sslmode=require or stronger in the client (JDBC: ssl=true).',
  },
  'login.unknown_user': { ...OWNER_REFUSED, remedy: '`patgate user list` shows the users there are.' },
  'login.wrong_secret': {
    ...SECRET_REFUSED,
    remedy: 'Set the password anew (`patgate user set NAME --password`), or create a token.',
  },
  'login.empty_password': {
    ...SECRET_REFUSED,
    remedy: 'The client has no password configured, or sent an empty one by itself before asking its user.',
  },
  'login.not_a_token': {
    ...SECRET_REFUSED,
    remedy:
      'The password must be a whole token, from `pat_` to its last letter. With a password, log in by user name.',
  },
  'login.unknown_token': {
    ...SECRET_REFUSED,
    remedy:
      'The token is of another installation, or of a store that was restored from before it was created.',
  },
  'login.wrong_owner': {
    ...SECRET_REFUSED,
    remedy: 'Log in by the name of the token’s owner, or as $token.',
  },
  'login.token_revoked': {
    ...SECRET_REFUSED,
    remedy: 'Create a new token; `patgate token show` has the reason.',
  },
  'login.token_expired': {
    sqlStates: ['28000', '28P01'],
    httpStatus: 401,
    remedy:
      'Create a new token, or rotate in time. (28P01 over SCRAM, where the token itself was never shown.)',
  },
  'login.owner_disabled': {
    ...OWNER_REFUSED,
    remedy: '`patgate user enable NAME`, if that is what you want.',
  },
  'login.no_token_privilege': { ...SECRET_UNUSABLE, remedy: '`patgate user set NAME --grant can_use`.' },
  'login.tokens_off': { ...SECRET_UNUSABLE, remedy: '`patgate policy set --tokens on`.' },
  'login.network_not_allowed': {
    ...ADDRESS_REFUSED,
    remedy: `Connect from one of the token’s networks, or create a token for this one. ${REAL_ADDRESS}`,
  },
  'login.user_network_not_allowed': {
    ...ADDRESS_REFUSED,
    remedy: `Connect from one of the user’s networks, or widen them (\`patgate user set NAME --network …\`). ${REAL_ADDRESS}`,
  },
  'login.policy_network_not_allowed': {
    ...ADDRESS_REFUSED,
    remedy: `Connect from one of the policy’s networks, or widen them on the gateway’s host (\`patgate policy set --networks …\`). ${REAL_ADDRESS}`,
  },
  'login.database_not_allowed': {
    sqlStates: ['28000'],
    httpStatus: null,
    remedy:
      'Create a token for that database, or widen what the user may reach (`patgate user set NAME --database …`).',
  },
  'login.role_not_allowed': {
    sqlStates: ['28000', '42501', '42704'],
    httpStatus: null,
    remedy:
      'Give the user an engine role (`patgate user set NAME --engine-role ROLE`). The role is not the client’s to choose: start-up parameters that change it are refused.',
  },
  'login.replication_not_allowed': {
    sqlStates: ['42501'],
    httpStatus: null,
    remedy: 'Set sessions.allow_replication, if replication through the gateway is wanted.',
  },
  'login.scram_violation': { ...CLIENT_BROKE_PROTOCOL, sqlStates: ['08P01', '0A000'] },
  'login.channel_binding': {
    sqlStates: ['28000'],
    httpStatus: null,
    remedy:
      'The client saw another certificate than the gateway’s: something in between ends TLS. Pass the connection through unchanged, or set channel_binding=disable in the client if you trust it.',
  },
  'login.method_unavailable': {
    ...SECRET_REFUSED,
    sqlStates: ['28P01', '28000'],
    remedy:
      'The account’s password is stored for another login.method, or there is none: set it anew. A token works with every method. For the user "$oauth": configure oauth.issuer.',
  },
  'login.oauth_rejected': {
    sqlStates: ['28000', '28P01'],
    httpStatus: 401,
    remedy:
      'The log line says which check failed: signature, issuer, audience, time, or a user that is not known.',
  },
  'login.oauth_unavailable': {
    sqlStates: ['57P03'],
    httpStatus: 503,
    remedy:
      'The gateway must reach oauth.jwks_url, or the discovery document of oauth.issuer; the log line says how it failed.',
  },
  'login.throttled': {
    sqlStates: ['53300'],
    httpStatus: 429,
    remedy:
      'Something at that address keeps trying a wrong secret. Find and mend it; the wait ends by itself. See login.throttle_free.',
  },
  'login.overloaded': {
    sqlStates: ['53300'],
    httpStatus: 503,
    remedy:
      'Many logins by password at once. Tokens need no hash; processors that are idle can be used by more processes (workers).',
  },

  'session.too_many': {
    sqlStates: ['53300'],
    httpStatus: null,
    remedy: 'Close sessions that are not needed, or raise the limit that the message names.',
  },
  'session.out_of_memory': {
    sqlStates: ['53200'],
    httpStatus: null,
    remedy:
      'Give the gateway more memory, or lower sessions.max to what the memory is enough for. Sessions that run are not touched.',
  },
  'session.revoked': { ...SESSION_ENDED, remedy: 'Log in with another token.' },
  'session.expired': { ...SESSION_ENDED, remedy: 'Create a new token, or rotate before the expiry.' },
  'session.principal_lost': {
    ...SESSION_ENDED,
    remedy: 'An administrator took the right away on purpose: ask there.',
  },
  'session.password_changed': {
    ...SESSION_ENDED,
    remedy: '`patgate audit list --action user.password` says who changed it. Log in with the new one.',
  },
  'session.tokens_off': {
    ...SESSION_ENDED,
    remedy: 'Log in by password, or wait until tokens are on again.',
  },
  'session.database_not_allowed': {
    ...SESSION_ENDED,
    remedy: '`patgate user show NAME` has the databases that are allowed now.',
  },
  'session.user_network_not_allowed': {
    ...SESSION_ENDED,
    remedy: '`patgate user show NAME` has the networks that are allowed now.',
  },
  'session.policy_network_not_allowed': {
    ...SESSION_ENDED,
    remedy: '`patgate policy show` has the networks that are allowed now.',
  },
  'session.killed': {
    ...SESSION_ENDED,
    remedy: '`patgate audit list --action session.kill` says who did, and why.',
  },
  'session.idle': {
    sqlStates: ['57P05'],
    httpStatus: null,
    remedy: 'Connect again. sessions.idle_timeout sets how long is too long.',
  },
  'session.draining': {
    sqlStates: ['57P01', '57P03'],
    httpStatus: null,
    remedy: 'Connect again: another replica, or the restarted one, takes over.',
  },
  'session.client_protocol': CLIENT_BROKE_PROTOCOL,

  'engine.no_such_database': {
    sqlStates: ['3D000'],
    httpStatus: null,
    remedy: 'Ask for a database that [databases] names, or add it there.',
  },
  'engine.unreachable': {
    sqlStates: ['57P03'],
    httpStatus: null,
    remedy:
      'See whether the engine runs, and whether this machine can reach it. `patgate check` tries again.',
  },
  'engine.tls': {
    sqlStates: ['08004'],
    httpStatus: null,
    remedy:
      'See that engine.ca_file is the engine’s CA and that its certificate names the host in engine.url.',
  },
  'engine.credential_rejected': {
    sqlStates: ['08004'],
    httpStatus: null,
    remedy: `Mend the credential that the gateway holds: engine.url, engine.passwords_file or engine.cert_file. ${LOOK_AT_ENGINE_LOG}`,
  },
  'engine.unsupported_authentication': {
    sqlStates: ['08004'],
    httpStatus: null,
    remedy:
      'Have the engine’s pg_hba.conf ask for scram-sha-256. Cleartext and MD5 without TLS need engine.insecure_passwords.',
  },
  'engine.server_signature': {
    sqlStates: ['08004'],
    httpStatus: null,
    remedy:
      'Whoever answers at that address may not be the engine: it does not know the role’s secret. Verify its TLS.',
  },
  'engine.protocol': {
    sqlStates: ['08P01'],
    httpStatus: null,
    remedy: 'See what answers at the address in engine.url. If it is PostgreSQL, report this as a defect.',
  },
  'engine.lost': {
    sqlStates: ['57P02'],
    httpStatus: null,
    remedy:
      'See the engine’s log: its process may have been killed, or the network in between was cut. Connect again.',
  },
  'engine.refused': {
    sqlStates: [],
    httpStatus: null,
    remedy: 'The client has the engine’s own SQLSTATE and text: mend it there.',
  },

  'store.unreachable': {
    ...STORE_TROUBLE,
    remedy:
      'See whether the store runs, and whether this machine can reach it. Running sessions go on meanwhile.',
  },
  'store.read_only': {
    ...STORE_TROUBLE,
    remedy:
      'store.url leads to a standby: let it name the primary, or all servers (HOST:PORT,HOST:PORT). In the middle of a failover it passes by itself.',
  },
  'store.failed': {
    ...STORE_TROUBLE,
    remedy:
      'The log has the store’s own error. Nothing that was acknowledged is lost; what waits is written when it works again.',
  },
  'store.not_migrated': { ...STORE_TROUBLE, remedy: '`patgate migrate`.' },
  'store.newer': { ...STORE_TROUBLE, remedy: 'Run the newer version of patgate on this machine too.' },
  'store.conflict': { sqlStates: ['40001'], httpStatus: 409, remedy: 'Try again.' },

  'request.invalid': {
    sqlStates: ['22023', '42601'],
    httpStatus: 400,
    remedy: 'The message says what does not fit.',
  },
  'request.unauthenticated': {
    sqlStates: [],
    httpStatus: 401,
    remedy: 'Send a live token or a session token, by Bearer or Basic. The log has the true reason.',
  },
  'request.forbidden': {
    sqlStates: ['42501'],
    httpStatus: 403,
    remedy: 'Ask an administrator for the privilege named.',
  },
  'request.not_found': {
    sqlStates: ['42704'],
    httpStatus: 404,
    remedy: 'See whether the id is whole, and not another’s.',
  },
  'request.conflict': {
    sqlStates: ['55000'],
    httpStatus: 409,
    remedy: 'Look at the object as it is now, and decide anew.',
  },
  'request.locks_out': {
    sqlStates: [],
    httpStatus: 409,
    remedy:
      'Have your own network on the list. If you mean it, say so: `?force=true`, or the box on the page; or use the command line on the gateway’s host.',
  },
  'request.method_not_allowed': {
    sqlStates: [],
    httpStatus: 405,
    remedy: 'Use one of the methods that the header Allow names.',
  },
  'request.too_large': { sqlStates: ['54000'], httpStatus: 413, remedy: 'Send less at once.' },
  'request.rate_limited': {
    sqlStates: ['53400'],
    httpStatus: 429,
    remedy: 'Wait as long as Retry-After says.',
  },

  'policy.lifetime_too_long': {
    ...POLICY_FORBIDS,
    httpStatus: 400,
    remedy: 'Ask for less, or have an administrator raise the maximum (`patgate policy set --max-lifetime`).',
  },
  'policy.never_expiring': {
    ...POLICY_FORBIDS,
    httpStatus: 400,
    remedy:
      'Ask for a lifetime; an administrator can allow others (`patgate policy set --never-expiring on`).',
  },
  'policy.too_many_tokens': {
    sqlStates: ['53400'],
    httpStatus: 409,
    remedy: 'Revoke tokens that are not needed; an administrator can raise the limit.',
  },
  'policy.tokens_off': { ...POLICY_FORBIDS, remedy: 'Tokens are off for everybody: ask an administrator.' },
  'policy.no_privilege': { ...POLICY_FORBIDS, remedy: 'Have an administrator grant `can_use`.' },

  'config.invalid': {
    sqlStates: [],
    httpStatus: null,
    remedy: 'Each line names the place and what is wrong there. docs/configuration.md has every setting.',
  },
  'embedded.failed': {
    sqlStates: [],
    httpStatus: null,
    remedy:
      'The message has the end of PostgreSQL’s log. A store of your own (store.url, engine.url) makes the embedded one unnecessary.',
  },
  internal: {
    sqlStates: ['XX000'],
    httpStatus: 500,
    remedy: 'Please report it, with the log lines around it.',
  },
} as const satisfies Readonly<Record<ErrorCode, ErrorReference>>;
