import { describe, expect, it } from 'vitest';
import { csvCell, csvLine, type CsvValue } from '../../../src/core/csv.ts';

describe('a CSV cell', () => {
  it.each<[string, CsvValue, string]>([
    ['plain text', 'laptop', 'laptop'],
    ['nothing', null, ''],
    ['a time', new Date('2026-01-02T03:04:05.006Z'), '2026-01-02T03:04:05.006Z'],
    ['a negative number', -5, '-5'],
    ['a list', ['a', 'b'], 'a b'],
    ['a comma', 'a,b', '"a,b"'],
    ['a quote', 'say "hi"', '"say ""hi"""'],
    ['a line break', 'a\r\nb', '"a\r\nb"'],
    ['a formula', '=HYPERLINK("http://evil","x")', `"'=HYPERLINK(""http://evil"",""x"")"`],
    ['a plus', '+1', `"'+1"`],
    ['a minus in text', '-1+cmd|calc', `"'-1+cmd|calc"`],
    ['an at sign', '@SUM(A1)', `"'@SUM(A1)"`],
    ['a formula behind blanks', '  =1', `"'  =1"`],
    ['a formula behind a tab', '\t=1', `"'\t=1"`],
    ['a formula in a list', ['=1', 'b'], `"'=1 b"`],
    ['an equals sign inside', 'a=b', 'a=b'],
  ])('%s', (_, value, text) => expect(csvCell(value)).toBe(text));

  it('does not let a separator smuggle a second, unquoted cell in', () => {
    expect(csvLine(['a",=1+1,"', 'b;=1'])).toBe('"a"",=1+1,""","b;=1"\r\n');
  });
});
