import type { Form } from '../form.ts';

const ONE = {
  revoked: 'The token is revoked. Sessions that were opened with it are being closed.',
  'revoked-none': 'Nothing was revoked: those tokens were revoked already.',
  repeated: 'That token had been made before. Its secret was shown then, and can not be shown again.',
  saved: 'Saved.',
  ended: 'The selected sessions are being closed. This list may be a second behind.',
} as const;

/** What was done just before this page, told by a word in its address: never by text from there. */
export function doneText(query: Form): string | null {
  const word = query.text('done');
  const count = /^\d{1,6}$/.test(query.text('count')) ? Number(query.text('count')) : null;
  if (word === 'revoked' && count !== null && count !== 1) {
    return count === 0
      ? ONE['revoked-none']
      : `${count} tokens are revoked. Sessions opened with them are being closed.`;
  }
  return Object.hasOwn(ONE, word) ? ONE[word as keyof typeof ONE] : null;
}
