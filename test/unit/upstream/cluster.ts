import pg from 'pg';
import { startCluster, type TestCluster } from '../../support/cluster.ts';
import { makeAuthority, type Authority } from './certificates.ts';

export const PASSWORD = 'correct horse "battery" stäple';

/** A cluster with TLS, where each role is asked for something else. */
export interface MethodCluster {
  readonly cluster: TestCluster;
  /** Signed the server's certificate, and may sign clients'. */
  readonly authority: Authority;
  drop(): Promise<void>;
}

/** A role each; its name says what pg_hba.conf asks it for. */
export const ROLES = [
  'by_trust',
  'by_cleartext',
  'by_md5',
  'by_scram',
  'by_certificate',
  'by_tls_scram',
] as const;

export async function startMethodCluster(
  names: readonly string[] = ['localhost', '127.0.0.1'],
): Promise<MethodCluster> {
  const authority = makeAuthority('test authority');
  const server = authority.issue('test server', { names });
  const cluster = await startCluster({
    settings: { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key', ssl_ca_file: 'ca.crt' },
    files: { 'server.crt': server.certificate, 'server.key': server.key, 'ca.crt': authority.certificate },
    ident: ['gateway "patgate gateway" /^(.*)$'],
    hba: [
      'local all all scram-sha-256',
      'host all postgres 127.0.0.1/32 scram-sha-256',
      'host all by_trust 127.0.0.1/32 trust',
      'host all by_cleartext 127.0.0.1/32 password',
      'host all by_md5 127.0.0.1/32 md5',
      'host all by_scram 127.0.0.1/32 scram-sha-256',
      'hostssl all by_tls_scram 127.0.0.1/32 scram-sha-256',
      'hostssl all by_certificate 127.0.0.1/32 cert map=gateway',
    ],
  });
  try {
    await createRoles(cluster);
  } catch (error) {
    await cluster.drop();
    throw error;
  }
  return { cluster, authority, drop: () => cluster.drop() };
}

async function createRoles(cluster: TestCluster): Promise<void> {
  await admin(cluster, async (client) => {
    for (const role of ROLES) {
      await client.query(`SET password_encryption = '${role === 'by_md5' ? 'md5' : 'scram-sha-256'}'`);
      await client.query(`CREATE ROLE ${role} LOGIN PASSWORD ${pg.escapeLiteral(PASSWORD)}`);
    }
  });
}

/** Runs something as the superuser. */
export async function admin<T>(cluster: TestCluster, run: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: cluster.url() });
  await client.connect();
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}
