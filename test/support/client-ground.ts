import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { asAdmin, createRole, dropRole } from './database.ts';
import { startGatewayProcess, type GatewayProcess } from './gateway-process.ts';
import type { GatewaySettings } from './gateway.ts';
import { startIdentityProvider } from './identity-provider.ts';
import { addPeople, expectNoSecrets, type People } from './login-rows.ts';
import { makeDirectory } from './temporary.ts';

export type LoginMethod = 'scram-sha-256' | 'cleartext';

/** A gateway on which each user is a role of their own, so that a client sees as whom it has logged in. */
export interface ClientGround {
  readonly gateway: GatewayProcess;
  readonly method: LoginMethod;
  readonly people: People;
  /** Names of the engine's roles. Ada's owns the database, and may replicate it. */
  readonly roles: { readonly ada: string; readonly bob: string };
  /** Of the identity provider. */
  readonly issuer: string;
  /** Stops the gateway, looks for secrets in its log, and deletes everything. */
  stop(): Promise<void>;
}

/** Lets clients in without TLS too, and takes tokens of an identity provider. */
export async function startClientGround(
  method: LoginMethod,
  settings: GatewaySettings = {},
): Promise<ClientGround> {
  const [directory, provider] = await Promise.all([makeDirectory(), startIdentityProvider()]);
  const roles = [await createRole('ada', 'REPLICATION'), await createRole('bob')] as const;
  const userlist = path.join(directory, 'userlist.txt');
  await writeFile(userlist, roles.map(({ name, password }) => `"${name}" "${password}"\n`).join(''));
  const names = { ada: roles[0].name, bob: roles[1].name };
  const gateway = await startGatewayProcess({
    'login.method': method,
    'tls.mode': 'prefer',
    'engine.identity': 'role',
    'engine.passwords_file': userlist,
    'oauth.issuer': provider.issuer,
    'oauth.audience': 'patgate',
    ...settings,
  });
  await asAdmin(`ALTER DATABASE ${gateway.engine.name} OWNER TO ${names.ada}`);
  const people = await addPeople(gateway, names, await provider.token());
  return {
    ...{ gateway, method, people, roles: names, issuer: provider.issuer },
    async stop() {
      await gateway.end('SIGTERM');
      try {
        expectNoSecrets(gateway, people);
      } finally {
        await gateway.stop();
        for (const role of roles) await dropRole(role);
        await provider.close();
        await rm(directory, { recursive: true });
      }
    },
  };
}
