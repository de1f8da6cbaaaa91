import type { UserReference } from '../accounts/service.ts';
import type { UserView } from '../accounts/views.ts';
import { isWellFormed } from '../tokens/format.ts';
import { UsageError } from './failure.ts';
import type { Services } from './services.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The user that an argument names: by uid, name or e-mail.
 * @throws RequestError request.not_found
 */
export function getUser({ accounts, actor }: Services, text: string): Promise<UserView> {
  return accounts.getUser(actor, userReference(text));
}

function userReference(text: string): UserReference {
  return UUID.test(text) ? { uid: text.toLowerCase() } : { nameOrEmail: text };
}

/** An argument that is the id of a token. Someone who pastes the token itself is told so, without repeating it. */
export function tokenId(text: string): string {
  if (isWellFormed(text) || text.startsWith('pat_')) {
    throw new UsageError(
      'that is a token, not the id of one: it is now in the history of this shell, so revoke it. Ids are in `patgate token list`; ' +
        '`patgate token revoke --token-stdin` takes the token itself',
    );
  }
  return text;
}
