import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface IdentityProvider {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** Answered instead of documents, while set. */
  failWith: number | null;
  /** A token for the audience `patgate` that expires in an hour, changed by `claims`. */
  token(claims?: Readonly<Record<string, unknown>>, key?: SigningKey): Promise<string>;
  close(): Promise<void>;
}

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
}

export async function makeSigningKey(
  kid: string,
  alg = 'ES256',
): Promise<SigningKey & { publicKey: CryptoKey }> {
  return { kid, alg, ...(await generateKeyPair(alg, { extractable: true })) };
}

/** A discovery document, keys, and tokens signed by them: as much of a provider as checking tokens needs. */
export async function startIdentityProvider(): Promise<IdentityProvider> {
  const key = await makeSigningKey('first');
  const jwk = { ...(await exportJWK(key.publicKey)), kid: key.kid, alg: key.alg };
  const server = createServer((request, response) => {
    provider.asked.push(request.url ?? '');
    if (provider.failWith !== null) {
      response.writeHead(provider.failWith).end();
      return;
    }
    const document =
      request.url === '/keys' ? { keys: [jwk] } : { issuer: provider.issuer, jwks_uri: provider.jwksUrl };
    response
      .writeHead(200, { 'content-type': 'application/json', connection: 'close' })
      .end(JSON.stringify(document));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider: IdentityProvider = {
    issuer,
    jwksUrl: `${issuer}/keys`,
    asked: [],
    failWith: null,
    token: (claims = {}, { kid, alg, privateKey } = key) =>
      new SignJWT({
        iss: issuer,
        aud: 'patgate',
        exp: Math.floor(Date.now() / 1000) + 3600,
        email: 'ada@example.com',
        ...claims,
      })
        .setProtectedHeader({ alg, kid })
        .sign(privateKey),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return provider;
}
