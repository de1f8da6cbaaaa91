import type { Form } from '../../form.ts';

const TEXTS = {
  added: 'The user is added.',
  saved: 'Saved.',
  password: 'The password is set. Whoever was signed in here with the old one is signed out.',
  disabled: 'The user is disabled. Their live sessions are being closed.',
  enabled: 'The user is enabled. Tokens that have not expired work again.',
  removed: 'The user is removed. Their live sessions are being closed.',
  'group-added': 'The group is added.',
  'group-removed': 'The group is removed.',
  granted: 'The privilege is given.',
  ungranted: 'The privilege is taken away. Sessions that depended on it are being closed.',
  'member-added': 'The user is a member now.',
  'member-removed': 'The user is no member any more.',
  'tokens-off': 'Tokens are switched off. Sessions opened with one are being closed.',
  'tokens-on': 'Tokens are switched on. Those that have not expired work again.',
} as const;

/** What was done just before this page, told by a word in its address: never by text from there. */
export function adminDoneText(query: Form): string | null {
  const word = query.text('done');
  return Object.hasOwn(TEXTS, word) ? TEXTS[word as keyof typeof TEXTS] : null;
}

export type AdminDone = keyof typeof TEXTS;
