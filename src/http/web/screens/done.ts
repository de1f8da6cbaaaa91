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
  const count = numberOf(query, 'count');
  if (word === 'revoked' && count !== null) return revokedText(count, numberOf(query, 'already') ?? 0);
  return Object.hasOwn(ONE, word) ? ONE[word as keyof typeof ONE] : null;
}

function numberOf(query: Form, name: string): number | null {
  return /^\d{1,6}$/.test(query.text(name)) ? Number(query.text(name)) : null;
}

/** @param already how many of those asked for somebody else had revoked before */
function revokedText(count: number, already: number): string {
  if (count === 0) return ONE['revoked-none'];
  const first =
    count === 1 ? ONE.revoked : `${count} tokens are revoked. Sessions opened with them are being closed.`;
  if (already === 0) return first;
  return `${first} ${already === 1 ? 'One more was' : `${already} more were`} revoked already.`;
}
