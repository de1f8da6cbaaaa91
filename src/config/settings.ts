import { homedir } from 'node:os';
import { join } from 'node:path';
import { LOG_LEVELS } from '../core/log.ts';
import { computed, optional, setting, type Environment } from './setting.ts';
import * as type from './value-types.ts';

const general = { section: 'general' } as const;
const listen = { section: 'listen' } as const;
const tls = { section: 'tls' } as const;
const store = { section: 'store' } as const;
const login = { section: 'login' } as const;
const oauth = { section: 'oauth' } as const;
const engine = { section: 'engine' } as const;
const console = { section: 'console' } as const;
const sessions = { section: 'sessions' } as const;
const pool = { section: 'pool' } as const;
const http = { section: 'http' } as const;
const notices = { section: 'notices' } as const;
const bootstrap = { section: 'bootstrap' } as const;
const log = { section: 'log' } as const;

/** `$XDG_DATA_HOME/patgate`; the XDG specification has relative values ignored. */
function defaultDataDir(environment: Environment): string {
  const base = environment['XDG_DATA_HOME'];
  if (base?.startsWith('/') === true) return join(base, 'patgate');
  return join(environment['HOME'] ?? homedir(), '.local', 'share', 'patgate');
}

/** Every setting, once. Flags, environment variables, the TOML file, help, documentation and error lines follow from it. */
export const SETTINGS = {
  data_dir: computed(
    type.path,
    '$XDG_DATA_HOME/patgate, or ~/.local/share/patgate',
    { ...general, help: 'Folder of the embedded PostgreSQL cluster and the development certificates.' },
    defaultDataDir,
  ),
  workers: setting(type.workers, '1', {
    ...general,
    help: 'Processes that relay. 1: the gateway is a single process. `auto` is the number of cores.',
  }),
  'shutdown.grace': setting(type.duration, '30s', {
    ...general,
    reloadable: true,
    help: 'How long a stop waits for running statements before it closes their sessions.',
  }),
  'shutdown.delay': setting(type.orOff(type.duration), 'off', {
    ...general,
    reloadable: true,
    help: 'How long a stop goes on taking clients after /readyz has turned false, for balancers that need time to notice.',
  }),
  demo: setting(type.boolean, 'true', {
    ...general,
    help: 'With the embedded engine: keep a demo user with a password and a token. Without effect on engines of your own.',
  }),

  'listen.postgres': setting(type.address, '127.0.0.1:6432', {
    ...listen,
    help: 'Where SQL clients connect. Port 0 picks a free one, named in the ready file.',
  }),
  'listen.http': setting(type.orOff(type.address), '127.0.0.1:8432', {
    ...listen,
    help: 'Where the web page and the REST interfaces are.',
  }),
  'listen.metrics': setting(type.orOff(type.address), '127.0.0.1:9432', {
    ...listen,
    help: 'Where /metrics is, for Prometheus.',
  }),
  'listen.public_address': optional(type.address, {
    ...listen,
    help: 'Host and port that clients should use, for connection recipes, when a balancer stands in front. Without it: listen.postgres.',
  }),
  'listen.keepalive': setting(type.duration, '60s', {
    ...listen,
    help: 'How long a client may be silent before the kernel asks, ten times in ten seconds, whether it is still there. Also what keeps firewalls from forgetting an idle session.',
  }),
  'listen.proxy_protocol_from': setting(type.networks, '', {
    ...listen,
    reloadable: true,
    help: 'Networks of balancers that send a PROXY protocol header (version 1 or 2). From these it is believed and demanded; from elsewhere it is refused.',
  }),

  'tls.mode': setting(type.oneOf('require', 'prefer', 'off'), 'require', {
    ...tls,
    help: 'Whether SQL clients must, may or can not use TLS. A secret in cleartext is asked for over TLS only, whatever the mode.',
  }),
  'tls.cert_file': optional(type.existingFile, {
    ...tls,
    reloadable: true,
    help: 'Server certificate with its chain, PEM. Without it, a development certificate is made in data_dir.',
  }),
  'tls.key_file': optional(type.existingFile, {
    ...tls,
    reloadable: true,
    help: 'Private key of the certificate, PEM.',
  }),
  'tls.ca_file': optional(type.existingFile, {
    ...tls,
    reloadable: true,
    help: 'Certificate authority that clients should trust, shown in connection recipes.',
  }),

  'store.url': optional(type.storeUrl, {
    ...store,
    help: 'PostgreSQL database for users, tokens, policy and audit. Without it, the embedded PostgreSQL. Several servers, as HOST:PORT,HOST:PORT, are tried in turn; target_session_attrs is `read-write` then, or `primary` or `any`.',
  }),
  'store.password': optional(type.secret, {
    ...store,
    help: 'Password for store.url, in place of one inside the URL.',
  }),
  'store.pool_size': setting(type.integer(1, 1000), '10', {
    ...store,
    help: 'Most connections to the store for queries, besides one that listens. Several workers have as many again, divided among them, with at least three each.',
  }),
  'store.connect_timeout': setting(type.duration, '5s', {
    ...store,
    help: 'How long to wait for a connection to the store.',
  }),
  'store.query_timeout': setting(type.duration, '15s', {
    ...store,
    help: 'How long to wait for an answer of the store. When it is over, every connection to the store is opened anew.',
  }),

  'login.method': setting(type.oneOf('scram-sha-256', 'cleartext'), 'scram-sha-256', {
    ...login,
    help: 'How named users log in. `cleartext` (over TLS only) stores passwords as argon2id and suits clients without SCRAM.',
  }),
  'login.token_users': setting(type.words, '$token,token', {
    ...login,
    help: 'Reserved user names that mean: the password is a token.',
  }),
  'login.timeout': setting(type.duration, '60s', {
    ...login,
    reloadable: true,
    help: 'From the connection being accepted to the client being told that it may send queries.',
  }),
  'login.first_byte_timeout': setting(type.duration, '10s', {
    ...login,
    reloadable: true,
    help: 'How long a connection may stay silent at its start.',
  }),
  'login.store_grace': setting(type.orOff(type.duration), 'off', {
    ...login,
    reloadable: true,
    help: 'For how long after the store found it right a secret opens sessions while the store cannot be reached. What is revoked in that time elsewhere is noticed only when the store is back; see docs/security.md.',
  }),
  'login.max_pending': setting(type.integer(1, 1_000_000), '1000', {
    ...login,
    reloadable: true,
    help: 'Most connections that have not logged in yet. For more, the oldest of them is closed, or the new one if all are younger than a second.',
  }),
  'login.max_pending_per_address': setting(type.integer(1, 1_000_000), '250', {
    ...login,
    reloadable: true,
    help: 'The same from one address; of IPv6, from one /64.',
  }),
  'login.throttle_free': setting(type.integer(1, 1_000_000), '10', {
    ...login,
    reloadable: true,
    help: 'Different wrong secrets from one network for one account that cost nothing. After these, logins must wait longer and longer.',
  }),
  'login.throttle_first_wait': setting(type.duration, '1s', {
    ...login,
    reloadable: true,
    help: 'Wait after the first wrong secret that is not free; doubles with each further one.',
  }),
  'login.throttle_longest_wait': setting(type.duration, '30s', {
    ...login,
    reloadable: true,
    help: 'Longest of these waits.',
  }),
  'login.throttle_forgive_every': setting(type.duration, '60s', {
    ...login,
    reloadable: true,
    help: 'One wrong secret is forgotten each time this has passed.',
  }),

  'oauth.issuer': optional(type.httpUrl, {
    ...oauth,
    help: 'Issuer of access tokens that are accepted as logins, and provider for signing in to the web page.',
  }),
  'oauth.audience': optional(type.text(), {
    ...oauth,
    help: 'Audience that an access token must name.',
  }),
  'oauth.jwks_url': optional(type.httpUrl, {
    ...oauth,
    help: 'Where the issuer’s public keys are. Without it, the issuer’s discovery document says.',
  }),
  'oauth.user_claim': setting(type.text('CLAIM'), 'email', {
    ...oauth,
    help: 'Claim that holds the user name or e-mail.',
  }),
  'oauth.client_id': optional(type.text(), {
    ...oauth,
    help: 'Client of the issuer for signing in to the web page.',
  }),
  'oauth.client_secret': optional(type.secret, {
    ...oauth,
    help: 'Secret of that client.',
  }),
  'oauth.scopes': setting(type.words, 'openid,email', {
    ...oauth,
    help: 'Scopes to ask for when signing in to the web page.',
  }),

  'engine.url': optional(type.postgresUrl, {
    ...engine,
    reloadable: true,
    help: 'The engine `main`: where sessions are opened, and as whom. `sslmode` and `sslrootcert` in it are honoured. Without any engine: the embedded demo.',
  }),
  'engine.password': optional(type.secret, {
    ...engine,
    reloadable: true,
    help: 'Password for engine.url, in place of one inside the URL.',
  }),
  'engine.identity': setting(type.oneOf('service', 'role'), 'service', {
    ...engine,
    reloadable: true,
    help: '`service`: every session as the user of the URL. `role`: each session as the principal’s own engine role.',
  }),
  'engine.ca_file': optional(type.existingFile, {
    ...engine,
    reloadable: true,
    help: 'Certificate authority of the engine, PEM. With it, TLS is on and the engine’s name is verified.',
  }),
  'engine.cert_file': optional(type.existingFile, {
    ...engine,
    reloadable: true,
    help: 'Client certificate for the engine, PEM.',
  }),
  'engine.key_file': optional(type.existingFile, {
    ...engine,
    reloadable: true,
    help: 'Private key of the client certificate, PEM.',
  }),
  'engine.passwords_file': optional(type.existingFile, {
    ...engine,
    reloadable: true,
    help: 'User list for `identity = role`: lines of "role" "password or SCRAM secret".',
  }),
  'engine.connect_timeout': setting(type.duration, '10s', {
    ...engine,
    reloadable: true,
    help: 'How long to wait for the engine to take a connection and log it in.',
  }),
  'engine.keepalive': setting(type.duration, '60s', {
    ...engine,
    reloadable: true,
    help: 'How long an engine session may be silent before the kernel asks, ten times in ten seconds, whether the engine is still there.',
  }),
  'engine.insecure_passwords': setting(type.boolean, 'false', {
    ...engine,
    reloadable: true,
    help: 'Answer an engine that asks for a cleartext or MD5 password without TLS over a network.',
  }),

  databases: setting(type.databaseMap, '*=main', {
    section: 'databases',
    reloadable: true,
    help: 'Which engine, and which database there, a requested database name means. `*` is every name not listed.',
  }),

  'console.database': setting(type.orOff(type.text('NAME')), 'patgate', {
    ...console,
    help: 'Database name that leads to the SQL console. An engine’s database of the same name can not be reached by it; choose another name, or `off`.',
  }),

  'sessions.max': setting(type.integer(0, 10_000_000), '10000', {
    ...sessions,
    reloadable: true,
    help: 'Most sessions at once in this gateway, over all its workers. 0: no limit.',
  }),
  'sessions.max_per_user': setting(type.integer(0, 10_000_000), '0', {
    ...sessions,
    reloadable: true,
    help: 'Most sessions at once of one user. 0: no limit.',
  }),
  'sessions.max_per_address': setting(type.integer(0, 10_000_000), '0', {
    ...sessions,
    reloadable: true,
    help: 'Most sessions at once from one IPv4 address or IPv6 /64. 0: no limit.',
  }),
  'sessions.idle_timeout': setting(type.orOff(type.duration), 'off', {
    ...sessions,
    reloadable: true,
    help: 'How long a session may be idle before it is closed.',
  }),
  'sessions.expiry_grace': setting(type.duration, '10min', {
    ...sessions,
    reloadable: true,
    help: 'How long a statement may go on after its token has expired.',
  }),
  'sessions.allow_replication': setting(type.boolean, 'true', {
    ...sessions,
    reloadable: true,
    help: 'Let replication sessions through.',
  }),

  'pool.reuse': setting(type.oneOf('principal', 'off'), 'principal', {
    ...pool,
    reloadable: true,
    help: '`principal`: a finished engine session may serve the same principal again after DISCARD ALL. `off`: never.',
  }),
  'pool.max_idle_per_key': setting(type.integer(0, 100_000), '8', {
    ...pool,
    reloadable: true,
    help: 'Most idle engine sessions kept for one principal, database and set of start-up parameters.',
  }),
  'pool.max_idle': setting(type.integer(0, 1_000_000), '50', {
    ...pool,
    reloadable: true,
    help: 'Most idle engine sessions kept, by each process that relays.',
  }),
  'pool.idle_timeout': setting(type.duration, '60s', {
    ...pool,
    reloadable: true,
    help: 'How long an engine session is kept idle.',
  }),

  'http.public_url': optional(type.httpUrl, {
    ...http,
    help: 'Address of the web page as people see it, for links and OAuth redirects. Without it: the listener’s own.',
  }),
  'http.max_connections': setting(type.integer(1, 1_000_000), '500', {
    ...http,
    reloadable: true,
    help: 'Most connections to the HTTP listener at once, and to the metrics listener. For more, the one that has been without a request for longest is closed, or the new one is answered 503.',
  }),
  'http.max_connections_per_address': setting(type.integer(1, 1_000_000), '100', {
    ...http,
    reloadable: true,
    help: 'The same from one address; of IPv6, from one /64. Proxies of http.trusted_proxies are under the limit in all only.',
  }),
  'http.trusted_proxies': setting(type.networks, '', {
    ...http,
    help: 'Networks of proxies whose X-Forwarded-For is believed.',
  }),

  'notices.login_expiry': setting(type.boolean, 'true', {
    ...notices,
    reloadable: true,
    help: 'Send a NOTICE at login when the token is close to its expiry; how close is policy.',
  }),
  'webhook.url': optional(type.webhookUrl, {
    ...notices,
    help: 'Where expiry notices are posted as JSON.',
  }),
  'webhook.secret': optional(type.secret, {
    ...notices,
    help: 'Key of the HMAC-SHA-256 signature on those posts.',
  }),
  'smtp.url': optional(type.smtpUrl, {
    ...notices,
    help: 'Mail server for expiry notices.',
  }),
  'smtp.from': optional(type.text('ADDRESS'), {
    ...notices,
    help: 'Sender of those mails.',
  }),

  'bootstrap.admin_user': setting(type.text('NAME'), 'admin', {
    ...bootstrap,
    help: 'Administrator to make when the store has none, given bootstrap.admin_password.',
  }),
  'bootstrap.admin_password': optional(type.secret, {
    ...bootstrap,
    help: 'First password of that administrator. Never changes one that exists.',
  }),

  'log.level': setting(type.oneOf(...LOG_LEVELS), 'info', {
    ...log,
    reloadable: true,
    help: 'Least severe entries to write.',
  }),
  'log.file': optional(type.path, {
    ...log,
    help: 'File to append the log to. Without it: standard error.',
  }),
} as const;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];
