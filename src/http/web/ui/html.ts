import { html as tag } from 'hono/html';

/** Text that the browser reads as HTML. */
export type Html = Exclude<ReturnType<typeof tag>, Promise<unknown>>;

/** What may stand in a template: texts are escaped, false, null and undefined show nothing. */
export type Part = Html | string | number | boolean | null | undefined | readonly Part[];

/** A piece of a page. Whatever is put into it that is not such a piece itself is escaped. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const made = tag(strings, ...parts);
  if (made instanceof Promise) throw new TypeError('a page is put together from what is there already');
  return made;
}

export const NOTHING: Html = html``;
