const HERE = 'http://here.invalid';

/** A path and query of this site, taken from text that anyone may have written; `otherwise` when it leads elsewhere. */
export function localPath(text: string | undefined, otherwise: string): string {
  // Browsers read a backslash as a slash, so that "/\example.com" is another host.
  if (text === undefined || !/^\/(?![/\\])/.test(text) || /[\\\p{Cc}]/u.test(text)) return otherwise;
  const url = URL.canParse(text, HERE) ? new URL(text, HERE) : null;
  return url?.origin === HERE ? url.pathname.replace(/^\/{2,}/, '/') + url.search : otherwise;
}
