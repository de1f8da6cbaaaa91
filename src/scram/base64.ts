/**
 * Base64 as RFC 5802 wants it: padded, no white space, no other alphabet, no stray bits. Node's own decoder takes all of
 * these, so the text is compared with what its bytes encode to.
 */
export function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
