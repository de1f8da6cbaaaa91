import { expect, it } from 'vitest';
import type { Hasher } from '../../../src/accounts/hasher.ts';
import { deriveKeys } from '../../../src/scram/keys.ts';
import { checkPassword } from '../../../src/tokens/check-password.ts';

const SCRAM = { scramSalt: Buffer.from('salt of the user'), scramIterations: 4096 };
const RIGHT = 'right';

/** Everything that is computed, with what decides how long it takes. */
function recordingHasher(): { readonly hasher: Hasher; readonly computed: readonly string[] } {
  const computed: string[] = [];
  const note = <Answer>(what: string, answer: Answer): Promise<Answer> => {
    computed.push(what);
    return Promise.resolve(answer);
  };
  const hasher: Hasher = {
    pbkdf2: (password, salt, iterations, lane) =>
      note(`pbkdf2 ${iterations} ${lane}`, Buffer.concat([password, salt])),
    argon2Hash: () => Promise.reject(new Error('nothing is stored')),
    argon2Verify: (_hash, password, lane) => note(`argon2 ${lane}`, password.toString() === RIGHT),
    argon2VerifyNobody: (_password, lane) => note(`argon2 ${lane}`, false),
  };
  return { hasher, computed };
}

const verifier = async () => {
  const { hasher } = recordingHasher();
  const { storedKey, serverKey } = await deriveKeys(
    RIGHT,
    { salt: SCRAM.scramSalt, iterations: SCRAM.scramIterations },
    (...parameters) => hasher.pbkdf2(...parameters),
  );
  return { kind: 'scram', storedKey, serverKey } as const;
};

it.each<[string, () => Promise<Parameters<typeof checkPassword>[0]>, boolean]>([
  ['an unknown user', () => Promise.resolve(null), false],
  ['a user without a password', () => Promise.resolve({ ...SCRAM, password: null }), false],
  ['a SCRAM verifier', async () => ({ ...SCRAM, password: await verifier() }), true],
  [
    'an argon2id hash',
    () => Promise.resolve({ ...SCRAM, password: { kind: 'argon2id', hash: 'hash' } as const }),
    true,
  ],
])('%s costs the same as any other', async (_who, account, canBeRight) => {
  for (const [secret, expected] of [
    [RIGHT, canBeRight],
    ['wrong', false],
  ] as const) {
    const { hasher, computed } = recordingHasher();
    expect(await checkPassword(await account(), Buffer.from(secret), hasher, 'lane')).toBe(expected);
    expect(computed).toEqual(['argon2 lane', 'pbkdf2 4096 lane']);
  }
});
