/** What a tool needs to know in order to connect. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Null: not known here; the recipe then says where it goes. */
  readonly token: string | null;
  /** Whether clients are given our certificate authority to check the server against. */
  readonly ca: boolean;
  readonly tls: boolean;
}

export interface Recipe {
  readonly id: string;
  readonly tool: string;
  /** In which window or file, in the tool's own words. */
  readonly where: string;
  /** Names as the tool shows them, and what to enter. */
  readonly fields?: readonly (readonly [name: string, value: string])[];
  /** To copy as it is. */
  readonly code?: string;
  readonly note?: string;
}

/** The name under which the certificate authority is downloaded. */
export const CA_FILE = 'patgate-ca.crt';
export const TOKEN_HERE = 'YOUR_TOKEN';

/** How each tool connects, with real values. */
export function recipesFor(target: Target): readonly Recipe[] {
  return [psql, dbeaver, tableau, powerBi, jdbc, odbc, python, node].map((make) => make(target));
}

/** A line of the password file of libpq: `:` and `\` are escaped (PostgreSQL documentation, "The Password File"). */
export function pgpassLine({ host, port, database, user, token }: Target): string {
  const escaped = (text: string) => text.replace(/[\\:]/g, '\\$&');
  return [host, String(port), database, user, token ?? TOKEN_HERE].map(escaped).join(':');
}

/** `postgresql://…`, without the password. */
export function uriOf({ host, port, database, user }: Target): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `postgresql://${encodeURIComponent(user)}@${name}:${port}/${encodeURIComponent(database)}`;
}

function sslMode({ tls, ca }: Target): string {
  if (!tls) return 'disable';
  return ca ? 'verify-full' : 'require';
}

function psql(target: Target): Recipe {
  const { token } = target;
  const uri = `${uriOf(target)}?sslmode=${sslMode(target)}${target.ca ? `&sslrootcert=${CA_FILE}` : ''}`;
  return {
    id: 'psql',
    tool: 'psql',
    where: target.ca ? 'In a terminal, in the folder of the CA certificate' : 'In a terminal',
    code: token === null ? `psql ${shell(uri)}` : `PGPASSWORD=${shell(token)} psql ${shell(uri)}`,
    note:
      token === null
        ? 'It asks for the password: enter the token.'
        : 'Put a blank in front, and most shells keep the line out of their history.',
  };
}

function dbeaver({ host, port, database, user, token, ca, tls }: Target): Recipe {
  return {
    id: 'dbeaver',
    tool: 'DBeaver',
    where: 'Database › New Database Connection › PostgreSQL',
    fields: [
      ['Host', host],
      ['Port', String(port)],
      ['Database', database],
      ['Authentication', 'Database Native'],
      ['Username', user],
      ['Password', token ?? TOKEN_HERE],
      ...(tls ? ([['SSL › Use SSL', 'yes']] as const) : []),
      ...(ca ? ([['SSL › CA Certificate', CA_FILE]] as const) : []),
      ...(tls ? ([['SSL › SSL mode', ca ? 'verify-full' : 'require']] as const) : []),
    ],
  };
}

function tableau({ host, port, database, user, token, tls }: Target): Recipe {
  return {
    id: 'tableau',
    tool: 'Tableau',
    where: 'Connect › To a Server › PostgreSQL',
    fields: [
      ['Server', host],
      ['Port', String(port)],
      ['Database', database],
      ['Authentication', 'Username and Password'],
      ['Username', user],
      ['Password', token ?? TOKEN_HERE],
      ...(tls ? ([['Require SSL', 'yes']] as const) : []),
    ],
  };
}

function powerBi({ host, port, database, user, token, ca }: Target): Recipe {
  return {
    id: 'power-bi',
    tool: 'Power BI',
    where: 'Get data › PostgreSQL database; sign in on the tab “Database”',
    fields: [
      ['Server', `${host}:${port}`],
      ['Database', database],
      ['User name', user],
      ['Password', token ?? TOKEN_HERE],
    ],
    ...(ca && {
      note: `Windows must trust the server: import ${CA_FILE} into “Trusted Root Certification Authorities” first.`,
    }),
  };
}

function jdbc(target: Target): Recipe {
  const { host, port, database, user, token, ca } = target;
  const name = host.includes(':') ? `[${host}]` : host;
  const query = new URLSearchParams({
    user,
    password: token ?? TOKEN_HERE,
    sslmode: sslMode(target),
    ...(ca && { sslrootcert: CA_FILE }),
  });
  return {
    id: 'jdbc',
    tool: 'JDBC',
    where: 'Connection URL of the driver org.postgresql.Driver',
    code: `jdbc:postgresql://${name}:${port}/${encodeURIComponent(database)}?${query.toString().replaceAll('+', '%20')}`,
  };
}

function odbc(target: Target): Recipe {
  const { host, port, database, user, token, ca } = target;
  // psqlodbc takes braces around a name for part of it, though ODBC has them: only where there is no other way.
  const value = (text: string) => (/[;{}]/.test(text) ? `{${text.replaceAll('}', '}}')}}` : text);
  return {
    id: 'odbc',
    tool: 'ODBC',
    where: 'Connection string for psqlODBC; also for Excel and others',
    code: [
      'Driver={PostgreSQL Unicode}',
      `Server=${value(host)}`,
      `Port=${port}`,
      `Database=${value(database)}`,
      `UID=${value(user)}`,
      `PWD=${value(token ?? TOKEN_HERE)}`,
      `SSLmode=${sslMode(target)}`,
      ...(ca ? [`pqopt={sslrootcert=${CA_FILE}}`] : []),
    ].join(';'),
  };
}

function python(target: Target): Recipe {
  const { host, port, database, user, token, ca } = target;
  const lines = [
    ['host', JSON.stringify(host)],
    ['port', String(port)],
    ['dbname', JSON.stringify(database)],
    ['user', JSON.stringify(user)],
    ['password', JSON.stringify(token ?? TOKEN_HERE)],
    ['sslmode', JSON.stringify(sslMode(target))],
    ...(ca ? [['sslrootcert', JSON.stringify(CA_FILE)]] : []),
  ].map(([name = '', value = '']) => `    ${name}=${value},`);
  return {
    id: 'python',
    tool: 'Python',
    where: 'With psycopg',
    code: ['import psycopg', '', 'connection = psycopg.connect(', ...lines, ')'].join('\n'),
  };
}

function node({ host, port, database, user, token, ca, tls }: Target): Recipe {
  const ssl = ca ? `{ ca: readFileSync(${script(CA_FILE)}) }` : String(tls);
  return {
    id: 'node',
    tool: 'Node.js',
    where: 'With pg',
    code: [
      ...(ca ? ["import { readFileSync } from 'node:fs';"] : []),
      "import pg from 'pg';",
      '',
      'const client = new pg.Client({',
      `  host: ${script(host)},`,
      `  port: ${port},`,
      `  database: ${script(database)},`,
      `  user: ${script(user)},`,
      `  password: ${script(token ?? TOKEN_HERE)},`,
      `  ssl: ${ssl},`,
      '});',
      'await client.connect();',
    ].join('\n'),
  };
}

/** One word for a POSIX shell. */
function shell(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A string of JavaScript. */
function script(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
