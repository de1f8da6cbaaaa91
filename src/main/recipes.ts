import type { ReadyInfo } from './ready-file.ts';

/** Lines that can be pasted into a shell or a tool to connect. Shown once the gateway is ready. */
export function connectionRecipes(info: ReadyInfo): string {
  const { host, port } = info.postgres;
  const { demo, caFile } = info;
  const lines = [
    `patgate is ready on ${host}:${port}${info.http === null ? '' : `, page and API on ${info.http.url}`}.`,
  ];
  if (caFile !== null) lines.push(`CA certificate: ${caFile}`);
  if (demo !== undefined) lines.push(...demoRecipes({ host, port, caFile, demo }));
  return `${lines.join('\n')}\n`;
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly caFile: string | null;
  readonly demo: NonNullable<ReadyInfo['demo']>;
}

function demoRecipes({ host, port, caFile, demo }: Target): string[] {
  const verified =
    caFile === null ? 'sslmode=require' : `sslmode=verify-full&sslrootcert=${encodeURIComponent(caFile)}`;
  const keywords =
    caFile === null ? 'sslmode=require' : `sslmode=verify-full sslrootcert='${quoteKeyword(caFile)}'`;
  const jdbc =
    caFile === null ? 'sslmode=require' : `sslmode=verify-full&sslrootcert=${encodeURIComponent(caFile)}`;
  const query = 'SELECT count(*) FROM orders';
  return [
    '',
    `Demo user "${demo.user}", password ${demo.password}`,
    `Demo token ${demo.token}`,
    '',
    'By token (the user name $token means: the password is a token):',
    `  psql 'postgresql://$token:${demo.token}@${host}:${port}/${demo.database}?${verified}' -c '${query}'`,
    `  PGPASSWORD=${demo.token} psql "host=${host} port=${port} user='\\$token' dbname=${demo.database} ${keywords}" -c '${query}'`,
    'By user name, with the password or the token (over SCRAM, so neither crosses the wire):',
    `  psql 'postgresql://${demo.user}:${demo.token}@${host}:${port}/${demo.database}?${verified}' -c '${query}'`,
    'JDBC (DBeaver, Tableau and others):',
    `  jdbc:postgresql://${host}:${port}/${demo.database}?user=$token&password=${demo.token}&${jdbc}`,
    'ODBC (Power BI, Excel and others):',
    `  Driver={PostgreSQL Unicode};Server=${host};Port=${port};Database=${demo.database};UID=$token;PWD=${demo.token};SSLmode=require`,
  ];
}

/** libpq's quoting inside single quotes. */
function quoteKeyword(value: string): string {
  return value.replace(/[\\']/g, (character) => `\\${character}`);
}
