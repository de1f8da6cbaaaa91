import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  chooseMechanism,
  startClientExchange,
  type ClientMechanism,
} from '../../../src/scram/client-exchange.ts';
import { ScramError, type ScramFailure } from '../../../src/scram/errors.ts';
import { deriveKeys, hmac, sha256, xor, type ScramKeys } from '../../../src/scram/keys.ts';
import {
  acceptClientFirst,
  challenge,
  type AwaitingFinal,
  type Done,
  type ScramMechanism,
  type ServerBinding,
} from '../../../src/scram/server-exchange.ts';

const parameters = { salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'), iterations: 4096 };
const keys = await deriveKeys('pencil', parameters);
const otherKeys = await deriveKeys('crayon', parameters);
const endPointHash = randomBytes(32);

/** RFC 7677, section 3. */
const vector = {
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};

function answerClientFirst(message: Buffer, binding: ServerBinding, serverNonce?: string): AwaitingFinal {
  return challenge(acceptClientFirst(message, binding), parameters, serverNonce);
}

function serverAtVector() {
  return answerClientFirst(
    Buffer.from(vector.clientFirst),
    { mechanism: 'SCRAM-SHA-256', endPointHash: null },
    vector.serverNonce,
  );
}

function failureOf(run: () => unknown): ScramFailure | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof ScramError) return error.failure;
    throw error;
  }
}

interface Match {
  readonly mechanism: ClientMechanism;
  readonly candidates: readonly ScramKeys[];
  readonly clientKeys: ScramKeys;
  /** what the server holds, null when it offers no -PLUS */
  readonly serverHash: Buffer | null;
}

/** Runs both sides against each other. */
async function play({ mechanism, candidates, clientKeys, serverHash }: Match) {
  const client = startClientExchange(mechanism);
  const server = answerClientFirst(client.message, {
    mechanism: mechanism.mechanism,
    endPointHash: serverHash,
  });
  const clientFinal = await client.answer(server.reply, () => clientKeys);
  const done = server.finish(clientFinal.message, candidates);
  return { done, clientFinal };
}

function replyOf(done: Done): Buffer {
  if (done.matched === null) throw new Error('no candidate matched');
  return done.reply;
}

function mechanismFor(offered: readonly string[], hash: Buffer | null): ClientMechanism {
  const mechanism = chooseMechanism(offered, hash);
  if (mechanism === null) throw new Error('no mechanism');
  return mechanism;
}

const plain = mechanismFor(['SCRAM-SHA-256'], null);
const plus = mechanismFor(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'], endPointHash);

describe('server exchange', () => {
  test('gives the messages of RFC 7677', () => {
    const server = serverAtVector();
    expect(server.reply.toString()).toBe(vector.serverFirst);
    const done = server.finish(Buffer.from(vector.clientFinal), [keys]);
    expect(replyOf(done).toString()).toBe(vector.serverFinal);
  });

  test.each([0, 1, 2])('names the candidate at index %i and signs with its ServerKey', async (index) => {
    const candidates = [otherKeys, otherKeys, otherKeys].map((other, i) => (i === index ? keys : other));
    const { done, clientFinal } = await play({
      mechanism: plain,
      candidates,
      clientKeys: keys,
      serverHash: null,
    });
    expect(done.matched).toBe(index);
    clientFinal.finish(replyOf(done));
  });

  test.each([{ candidates: [otherKeys] }, { candidates: [] }])(
    'matches nothing, %#',
    async ({ candidates }) => {
      const { done } = await play({ mechanism: plain, candidates, clientKeys: keys, serverHash: null });
      expect(done).toEqual({ matched: null });
    },
  );

  test('a signature by the ServerKey of another secret is refused by the client', async () => {
    const mixed = { ...keys, serverKey: otherKeys.serverKey };
    const { done, clientFinal } = await play({
      mechanism: plain,
      candidates: [mixed],
      clientKeys: keys,
      serverHash: null,
    });
    expect(failureOf(() => clientFinal.finish(replyOf(done)))).toBe('server_signature');
  });

  test('can not be finished twice, also after a failure', () => {
    for (const firstTry of [vector.clientFinal, 'nonsense']) {
      const server = serverAtVector();
      failureOf(() => server.finish(Buffer.from(firstTry), [keys]));
      expect(failureOf(() => server.finish(Buffer.from(vector.clientFinal), [keys]))).toBe('spent');
    }
  });

  test('makes a new nonce of at least 18 random bytes each time', () => {
    const options = { mechanism: 'SCRAM-SHA-256', endPointHash: null } as const;
    const replies = [1, 2].map(() => answerClientFirst(Buffer.from('n,,n=,r=abc'), options).reply.toString());
    expect(new Set(replies).size).toBe(2);
    for (const reply of replies) expect(/^r=abc([^,]{24,}),s=/.test(reply)).toBe(true);
  });

  test('keeps the bytes of a user name that is not ASCII', () => {
    const bare = Buffer.from('n=jürgen,r=abc', 'latin1');
    const server = answerClientFirst(
      Buffer.concat([Buffer.from('n,,'), bare]),
      { mechanism: 'SCRAM-SHA-256', endPointHash: null },
      'def',
    );
    const authMessage = Buffer.concat([
      bare,
      Buffer.from(`,r=abcdef,s=${parameters.salt.toString('base64')},i=4096,c=biws,r=abcdef`),
    ]);
    const proof = xor(keys.clientKey, hmac(sha256(keys.clientKey), authMessage));
    const final = Buffer.from(`c=biws,r=abcdef,p=${proof.toString('base64')}`);
    expect(server.finish(final, [keys]).matched).toBe(0);
  });
});

describe('channel binding', () => {
  interface Case {
    readonly title: string;
    readonly mechanism: ScramMechanism;
    readonly first: string;
    readonly hash: Buffer | null;
    readonly failure: ScramFailure | null;
  }
  const cases: readonly Case[] = [
    { title: 'n without PLUS', mechanism: 'SCRAM-SHA-256', first: 'n,,n=,r=a', hash: null, failure: null },
    {
      title: 'n though PLUS is offered',
      mechanism: 'SCRAM-SHA-256',
      first: 'n,,n=,r=a',
      hash: endPointHash,
      failure: null,
    },
    {
      title: 'y where PLUS is not offered',
      mechanism: 'SCRAM-SHA-256',
      first: 'y,,n=,r=a',
      hash: null,
      failure: null,
    },
    {
      title: 'y where PLUS is offered',
      mechanism: 'SCRAM-SHA-256',
      first: 'y,,n=,r=a',
      hash: endPointHash,
      failure: 'channel_binding',
    },
    {
      title: 'p with PLUS',
      mechanism: 'SCRAM-SHA-256-PLUS',
      first: 'p=tls-server-end-point,,n=,r=a',
      hash: endPointHash,
      failure: null,
    },
    {
      title: 'PLUS though it was not offered',
      mechanism: 'SCRAM-SHA-256-PLUS',
      first: 'p=tls-server-end-point,,n=,r=a',
      hash: null,
      failure: 'channel_binding',
    },
    {
      title: 'p with the plain mechanism',
      mechanism: 'SCRAM-SHA-256',
      first: 'p=tls-server-end-point,,n=,r=a',
      hash: endPointHash,
      failure: 'malformed',
    },
    {
      title: 'n with PLUS',
      mechanism: 'SCRAM-SHA-256-PLUS',
      first: 'n,,n=,r=a',
      hash: endPointHash,
      failure: 'malformed',
    },
    {
      title: 'y with PLUS',
      mechanism: 'SCRAM-SHA-256-PLUS',
      first: 'y,,n=,r=a',
      hash: endPointHash,
      failure: 'malformed',
    },
    {
      title: 'tls-unique',
      mechanism: 'SCRAM-SHA-256-PLUS',
      first: 'p=tls-unique,,n=,r=a',
      hash: endPointHash,
      failure: 'malformed',
    },
    {
      title: 'tls-exporter',
      mechanism: 'SCRAM-SHA-256-PLUS',
      first: 'p=tls-exporter,,n=,r=a',
      hash: endPointHash,
      failure: 'malformed',
    },
  ];
  test.each(cases)('$title', ({ mechanism, first, hash, failure }) => {
    const options = { mechanism, endPointHash: hash };
    expect(failureOf(() => answerClientFirst(Buffer.from(first), options))).toBe(failure);
  });

  test('holds over the same certificate', async () => {
    const { done, clientFinal } = await play({
      mechanism: plus,
      candidates: [keys],
      clientKeys: keys,
      serverHash: endPointHash,
    });
    expect(done.matched).toBe(0);
    clientFinal.finish(replyOf(done));
  });

  test('fails over another certificate, though the secret is right', async () => {
    await expect(
      play({ mechanism: plus, candidates: [keys], clientKeys: keys, serverHash: randomBytes(32) }),
    ).rejects.toMatchObject({ failure: 'channel_binding' });
  });

  test.each(['c=biws', 'c=eSws', 'c=', 'c=cD10bHMtc2VydmVyLWVuZC1wb2ludCws'])(
    'fails when the final message says %s instead of header and hash',
    (binding) => {
      const options = { mechanism: 'SCRAM-SHA-256-PLUS', endPointHash } as const;
      const server = answerClientFirst(Buffer.from('p=tls-server-end-point,,n=,r=a'), options, 'b');
      const final = Buffer.from(`${binding},r=ab,p=${randomBytes(32).toString('base64')}`);
      expect(failureOf(() => server.finish(final, [keys]))).toBe('channel_binding');
    },
  );

  test('the final message must repeat the flag of the first', () => {
    const options = { mechanism: 'SCRAM-SHA-256', endPointHash: null } as const;
    const server = answerClientFirst(Buffer.from('y,,n=,r=a'), options, 'b');
    const final = Buffer.from(`c=biws,r=ab,p=${randomBytes(32).toString('base64')}`);
    expect(failureOf(() => server.finish(final, [keys]))).toBe('malformed');
  });
});

describe('client exchange', () => {
  test.each([
    { offered: ['SCRAM-SHA-256'], hash: null, gs2Header: 'n,,', mechanism: 'SCRAM-SHA-256' },
    {
      offered: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'],
      hash: null,
      gs2Header: 'n,,',
      mechanism: 'SCRAM-SHA-256',
    },
    { offered: ['SCRAM-SHA-256'], hash: endPointHash, gs2Header: 'y,,', mechanism: 'SCRAM-SHA-256' },
    {
      offered: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'],
      hash: endPointHash,
      gs2Header: 'p=tls-server-end-point,,',
      mechanism: 'SCRAM-SHA-256-PLUS',
    },
  ])('$offered with hash $hash: $gs2Header', ({ offered, hash, gs2Header, mechanism }) => {
    expect(chooseMechanism(offered, hash)).toMatchObject({ gs2Header, mechanism });
  });

  test('does without a mechanism that it does not know', () => {
    expect(chooseMechanism(['OAUTHBEARER'], null)).toBeNull();
    expect(chooseMechanism(['SCRAM-SHA-256-PLUS'], null)).toBeNull();
  });

  const salted = 's=W22ZaJ0SNY7soEsUEjb6gQ==';
  test.each([
    { title: 'nonce not continued', reply: `r=abc,${salted},i=4096`, failure: 'malformed' },
    { title: 'nonce replaced', reply: `r=xbcdef,${salted},i=4096`, failure: 'malformed' },
    { title: 'no iterations', reply: `r=abcdef,${salted}`, failure: 'malformed' },
    { title: 'zero iterations', reply: `r=abcdef,${salted},i=0`, failure: 'malformed' },
    { title: 'negative iterations', reply: `r=abcdef,${salted},i=-4096`, failure: 'malformed' },
    {
      title: 'iterations of the longest kind',
      reply: `r=abcdef,${salted},i=99999999999999`,
      failure: 'malformed',
    },
    { title: 'too many iterations', reply: `r=abcdef,${salted},i=1000001`, failure: 'too_many_iterations' },
    { title: 'empty salt', reply: 'r=abcdef,s=,i=4096', failure: 'malformed' },
    {
      title: 'salt with stray bits',
      reply: 'r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gR==,i=4096',
      failure: 'malformed',
    },
    { title: 'mandatory extension', reply: `m=x,r=abcdef,${salted},i=4096`, failure: 'unsupported' },
    { title: 'error instead', reply: 'e=unknown-user', failure: 'malformed' },
    { title: 'nothing', reply: '', failure: 'malformed' },
  ])('refuses: $title', async ({ reply, failure }) => {
    const client = startClientExchange(plain, 'abc');
    const asked: unknown[] = [];
    const answer = client.answer(Buffer.from(reply), (p) => {
      asked.push(p);
      return keys;
    });
    await expect(answer).rejects.toMatchObject({ failure });
    expect(asked).toEqual([]);
    await expect(client.answer(Buffer.from(`r=abcdef,${salted},i=4096`), () => keys)).rejects.toMatchObject({
      failure: 'spent',
    });
  });

  test('takes a million iterations, and tells the key source salt and count', async () => {
    const asked: unknown[] = [];
    await startClientExchange(plain, 'abc').answer(Buffer.from(`r=abcdef,${salted},i=1000000`), (p) => {
      asked.push(p);
      return keys;
    });
    expect(asked).toEqual([{ salt: parameters.salt, iterations: 1_000_000 }]);
  });

  test.each([
    { reply: 'e=invalid-proof', failure: 'server_error' },
    { reply: `v=${randomBytes(32).toString('base64')}`, failure: 'server_signature' },
    { reply: `v=${randomBytes(31).toString('base64')}`, failure: 'malformed' },
    { reply: 'v=', failure: 'malformed' },
    { reply: '', failure: 'malformed' },
  ])('refuses the final message $reply', async ({ reply, failure }) => {
    const client = startClientExchange(plain, 'abc');
    const final = await client.answer(Buffer.from(`r=abcdef,${salted},i=4096`), () => keys);
    expect(failureOf(() => final.finish(Buffer.from(reply)))).toBe(failure);
    expect(failureOf(() => final.finish(Buffer.from(reply)))).toBe('spent');
  });

  test('does not repeat what a server puts behind e=', async () => {
    const client = startClientExchange(plain, 'abc');
    const final = await client.answer(Buffer.from(`r=abcdef,${salted},i=4096`), () => keys);
    expect(() => final.finish(Buffer.from('e=<script>'))).toThrow('server ended the exchange: other-error');
  });
});
