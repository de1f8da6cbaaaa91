import { RequestError } from '../core/errors.ts';

const LONGEST_LABEL = 250;
const LONGEST_DESCRIPTION = 1000;
const LONGEST_REASON = 200;

/** @throws RequestError request.invalid */
export function checkLabel(label: string): string {
  const text = label.trim();
  if (text.length >= 1 && text.length <= LONGEST_LABEL && isPlain(text)) return text;
  throw new RequestError(
    'request.invalid',
    `A label has 1 to ${LONGEST_LABEL} characters and no control characters.`,
    { field: 'label' },
  );
}

/** @throws RequestError request.invalid */
export function checkDescription(description: string | null): string | null {
  if (description === null || description === '') return null;
  if (description.length <= LONGEST_DESCRIPTION && isPlain(description, { lines: true })) return description;
  throw new RequestError(
    'request.invalid',
    `A description has at most ${LONGEST_DESCRIPTION} characters and no control characters.`,
    { field: 'description' },
  );
}

/** Shown to the client whose session ends by it. @throws RequestError request.invalid */
export function checkReason(reason: string): string {
  const text = reason.trim();
  if (text.length >= 1 && text.length <= LONGEST_REASON && isPlain(text)) return text;
  throw new RequestError(
    'request.invalid',
    `A reason has 1 to ${LONGEST_REASON} characters and no control characters.`,
    { field: 'reason' },
  );
}

function isPlain(text: string, { lines = false } = {}): boolean {
  const checked = lines ? text.replace(/[\n\r\t]/g, '') : text;
  // Cc: control characters; Cs: halves of surrogate pairs, which are no text.
  return !/[\p{Cc}\p{Cs}]/u.test(checked);
}
