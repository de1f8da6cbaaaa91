import { html, NOTHING, type Html } from './html.ts';

export interface CursorPagerOptions {
  readonly shown: number;
  /** Null: not counted. */
  readonly total: number | null;
  readonly what: string;
  /** Null: this is the first page. */
  readonly first: string | null;
  /** Null: this is the last page. */
  readonly next: string | null;
}

/** For lists whose next page begins behind the last row of this one, whatever came and went meanwhile. */
export function cursorPager({ shown, total, what, first, next }: CursorPagerOptions): Html {
  const number = (n: number) => n.toLocaleString('en');
  const all = total !== null && total === shown && first === null;
  return html`<nav class="pager" aria-label="Pages">
    <span>${number(shown)} ${total === null || all ? '' : `of ${number(total)} `}${what}</span>
    ${first === null ? NOTHING : html`<a class="button plain" href="${first}" rel="first">First page</a>`}
    ${next === null ? NOTHING : html`<a class="button plain" href="${next}" rel="next">Next page</a>`}
  </nav>`;
}
