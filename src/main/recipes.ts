import type { ReadyInfo } from './ready-file.ts';

/** Lines that can be pasted into a shell or a tool to connect. Shown once the gateway is ready. */
export function connectionRecipes(info: ReadyInfo): string {
  const { host, port } = info.postgres;
  const { demo, caFile } = info;
  const lines = [
    `patgate is ready on ${inUrl(host)}:${port}${info.http === null ? '' : `, page and API on ${info.http.url}`}.`,
  ];
  if (caFile !== null) lines.push(`CA certificate: ${caFile}`);
  if (demo !== undefined) lines.push(...demoRecipes({ host: connectable(host), port, caFile, demo }));
  return `${lines.join('\n')}\n`;
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly caFile: string | null;
  readonly demo: NonNullable<ReadyInfo['demo']>;
}

function demoRecipes(target: Target): string[] {
  const { demo } = target;
  const query = `-c ${shell('SELECT count(*) FROM orders')}`;
  return [
    '',
    `Demo user "${demo.user}", password ${demo.password}`,
    `Demo token ${demo.token}`,
    '',
    'By token (the user name $token means: the password is a token):',
    `  psql ${shell(uri(target, '$token'))} ${query}`,
    `  PGPASSWORD=${demo.token} psql ${shell(keywords(target, '$token'))} ${query}`,
    'By user name, with the password or the token (over SCRAM, so neither crosses the wire):',
    `  psql ${shell(uri(target, demo.user))} ${query}`,
    'JDBC (DBeaver, Tableau and others):',
    `  ${jdbc(target)}`,
    'ODBC (Power BI, Excel and others):',
    `  ${odbc(target)}`,
  ];
}

function uri({ host, port, caFile, demo }: Target, user: string): string {
  return `postgresql://${user}:${demo.token}@${inUrl(host)}:${port}/${demo.database}?${tlsQuery(caFile)}`;
}

function keywords({ host, port, caFile, demo }: Target, user: string): string {
  const tls = caFile === null ? 'sslmode=require' : `sslmode=verify-full sslrootcert=${keywordValue(caFile)}`;
  return `host=${host} port=${port} user=${user} dbname=${demo.database} ${tls}`;
}

function jdbc({ host, port, caFile, demo }: Target): string {
  return `jdbc:postgresql://${inUrl(host)}:${port}/${demo.database}?user=$token&password=${demo.token}&${tlsQuery(caFile)}`;
}

/** What psqlodbc has no keyword for goes to libpq by `pqopt`. */
function odbc({ host, port, caFile, demo }: Target): string {
  const tls =
    caFile === null ? 'SSLmode=require' : `SSLmode=verify-full;pqopt={sslrootcert=${keywordValue(caFile)}}`;
  return `Driver={PostgreSQL Unicode};Server=${host};Port=${port};Database=${demo.database};UID=$token;PWD=${demo.token};${tls}`;
}

function tlsQuery(caFile: string | null): string {
  return caFile === null
    ? 'sslmode=require'
    : `sslmode=verify-full&sslrootcert=${encodeURIComponent(caFile)}`;
}

/** Where this machine reaches a listener on every address. */
function connectable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** A value of libpq's keyword form. */
function keywordValue(value: string): string {
  return /^[^\s\\']+$/.test(value) ? value : `'${value.replace(/[\\']/g, String.raw`\$&`)}'`;
}

/** One word for a POSIX shell. */
function shell(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
