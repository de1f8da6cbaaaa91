import type { Command } from 'commander';
import { RequestError } from '../../core/errors.ts';
import { UsageError } from '../failure.ts';
import { addLeaf } from '../leaf.ts';
import { getUser, tokenId } from '../references.ts';
import { readSecretFromStdin } from '../secret-input.ts';
import { withServices, type Services } from '../services.ts';
import { say, type Terminal } from '../terminal.ts';

interface RevokeOptions {
  readonly user?: string;
  readonly tokenStdin?: true;
  readonly reason?: string;
}

export function addTokenRevoke(token: Command, terminal: Terminal): void {
  const command = addLeaf(token, {
    name: 'revoke',
    description:
      'Revokes tokens at once, and ends the sessions that they opened. All or none of those named.',
    examples: [
      'patgate token revoke 0198c4f2-6f2e-7d11-b0ab-2f60f1f7a9d3 --reason "laptop lost"',
      'patgate token revoke --user ada --reason "left the company"',
      'patgate token revoke --token-stdin < leaked.txt',
    ],
  });
  command
    .argument('[tids...]', 'ids of tokens')
    .option('--user <user>', 'all tokens of this user: name, e-mail or uid')
    .option('--token-stdin', 'the token that standard input holds')
    .option('--reason <text>', 'why; kept with the token and in the audit')
    .action((ids: readonly string[], options: RevokeOptions) => {
      const ways = [ids.length > 0, options.user !== undefined, options.tokenStdin === true];
      if (ways.filter(Boolean).length !== 1) {
        throw new UsageError('name tokens by their ids, or by --user, or by --token-stdin');
      }
      const tids = ids.map(tokenId);
      return withServices(command, terminal, async (services) => {
        const count = await revoke(services, terminal, tids, options);
        say(terminal, count === 1 ? 'revoked 1 token' : `revoked ${count} tokens`);
      });
    });
}

/** @returns how many were not revoked before */
async function revoke(
  services: Services,
  terminal: Terminal,
  tids: readonly string[],
  { user, tokenStdin, reason }: RevokeOptions,
): Promise<number> {
  const { actor, tokens } = services;
  if (user !== undefined) return tokens.revokeAll(actor, (await getUser(services, user)).uid, reason);
  if (tokenStdin !== true) return tokens.revokeMany(actor, tids, reason);
  const found = await tokens.lookup(actor, await readSecretFromStdin(terminal));
  if (found === null) throw new RequestError('request.not_found', 'this store never issued that token');
  return tokens.revokeMany(actor, [found.tid], reason);
}
