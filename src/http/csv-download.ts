import { csvLine, type CsvValue } from '../core/csv.ts';
import type { HttpContext } from './env.ts';

export interface CsvFile {
  readonly name: string;
  readonly columns: readonly string[];
  /** Lines, a page at a time. */
  readonly pages: AsyncGenerator<readonly (readonly CsvValue[])[]>;
}

/** A file to download (RFC 4180), safe to open in a spreadsheet. */
export async function csvDownload(c: HttpContext, { name, columns, pages }: CsvFile): Promise<Response> {
  return c.body(await chunks(columns, pages), 200, {
    'content-type': 'text/csv; charset=utf-8; header=present',
    'content-disposition': `attachment; filename="${name}"`,
  });
}

/** Lines in chunks of one page; the first page is there before the answer begins, so that it can still be refused. */
async function chunks(
  columns: CsvFile['columns'],
  pages: CsvFile['pages'],
): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder();
  const encode = (lines: readonly (readonly CsvValue[])[]): Uint8Array =>
    encoder.encode(lines.map(csvLine).join(''));
  const first = await pages.next();
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encode([columns]));
      if (first.done !== true) controller.enqueue(encode(first.value));
    },
    async pull(controller) {
      const next = await pages.next();
      if (next.done === true) controller.close();
      else controller.enqueue(encode(next.value));
    },
    async cancel() {
      await pages.return(undefined);
    },
  });
}
