import { buildSchema, getIntrospectionQuery, parse, specifiedRules, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { limitsRule } from '../../../src/http/datahub/limits.ts';

const schema = buildSchema('type Query { a: Query, list: [Query!]!, n: Int }');
const LIMITS = { maxDepth: 4, maxFields: 300, maxRootFields: 3, maxAliases: 5 };

function complaints(query: string): string[] {
  const errors = validate(schema, parse(query), [...specifiedRules, limitsRule(LIMITS)]);
  return errors.map(({ message }) => message);
}

/** Each fragment holds the next one twice: 2^n fields in n lines. */
function doubling(n: number): string {
  const lines = Array.from(
    { length: n },
    (_, i) => `fragment F${i} on Query { a { ...F${i + 1} } x: a { ...F${i + 1} } }`,
  );
  return `{ ...F0 } ${lines.join('\n')} fragment F${n} on Query { n }`;
}

describe('limits on GraphQL documents', () => {
  it.each([
    ['as deep as allowed', '{ a { a { a { n } } } }'],
    ['as many operations as allowed', '{ a { n } n list { n } }'],
    ['introspection', getIntrospectionQuery()],
    ['an unknown fragment does no harm', '{ n }'],
  ])('accept: %s', (_, query) => expect(complaints(query)).toEqual([]));

  it.each([
    ['too deep', '{ a { a { a { a { n } } } } }', 'more than 4 levels'],
    [
      'too deep by fragments',
      '{ ...A } fragment A on Query { a { a { ...B } } } fragment B on Query { a { a { n } } }',
      'more than 4 levels',
    ],
    [
      'too deep by inline fragments',
      '{ a { ... on Query { a { ... { a { a { n } } } } } } }',
      'more than 4 levels',
    ],
    ['too many operations by aliases', '{ a1: n a2: n a3: n a4: n }', 'more than 3 operations at once'],
    [
      'too many operations by fragments',
      '{ n ...A ...A } fragment A on Query { a { n } x: n }',
      'more than 3 operations at once',
    ],
    [
      'too many aliases below',
      `{ a { ${Array.from({ length: 6 }, (_, i) => `x${i}: n`).join(' ')} } }`,
      'more than 5 aliases',
    ],
    ['too many fields', `{ a { ${'n '.repeat(300)} } }`, 'more than 300 fields'],
    [
      'one of several operations in the document',
      'query A { n } query B { a { a { a { a { n } } } } }',
      'more than 4 levels',
    ],
    [
      'an introspection bomb',
      '{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }',
      'introspection depth',
    ],
    ['wide introspection', `{ __schema { ${'types { name } '.repeat(200)} } }`, 'more than 300 fields'],
  ])('refuse: %s', (_, query, message) => {
    expect(complaints(query).join('\n')).toContain(message);
  });

  it('refuses fragments that double each other without expanding them', () => {
    const startMs = performance.now();
    const errors = validate(schema, parse(doubling(40)), [limitsRule(LIMITS)]);
    expect(errors).toHaveLength(1);
    expect(performance.now() - startMs).toBeLessThan(1000);
  });

  it('survives fragments that hold each other', () => {
    expect(complaints('{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }')).toContain(
      'Cannot spread fragment "A" within itself via "B".',
    );
  });
});
