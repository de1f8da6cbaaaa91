import {
  GraphQLError,
  Kind,
  type ASTVisitor,
  type DocumentNode,
  type FragmentDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';

export interface QueryLimits {
  /** Nesting of fields; introspection is left to GraphQL's own rule for it. */
  readonly maxDepth: number;
  /** Fields after fragments are expanded. */
  readonly maxFields: number;
  /** Fields of an operation itself: each is one call of a service. */
  readonly maxRootFields: number;
  readonly maxAliases: number;
}

interface Weight {
  readonly depth: number;
  readonly fields: number;
  readonly aliases: number;
  /** Fields directly in the selection, also those that fragments put there. */
  readonly roots: number;
}

const NOTHING: Weight = { depth: 0, fields: 0, aliases: 0, roots: 0 };

function sum(weights: readonly Weight[]): Weight {
  return weights.reduce(
    (total, { depth, fields, aliases, roots }) => ({
      depth: Math.max(total.depth, depth),
      fields: total.fields + fields,
      aliases: total.aliases + aliases,
      roots: total.roots + roots,
    }),
    NOTHING,
  );
}

/**
 * Weighs selections with each fragment weighed once, so that fragments which double each other take no more time than they
 * are long. A fragment inside itself weighs nothing here; GraphQL's own rule refuses it.
 */
class Scales {
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #weighed = new Map<string, Weight>();

  constructor(document: DocumentNode) {
    const fragments = document.definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION);
    this.#fragments = new Map(fragments.map((node) => [node.name.value, node]));
  }

  weigh(set: SelectionSetNode | undefined): Weight {
    return set === undefined ? NOTHING : sum(set.selections.map((node) => this.#weighOne(node)));
  }

  #weighOne(node: SelectionNode): Weight {
    if (node.kind === Kind.INLINE_FRAGMENT) return this.weigh(node.selectionSet);
    if (node.kind === Kind.FRAGMENT_SPREAD) return this.#weighFragment(node.name.value);
    const inner = this.weigh(node.selectionSet);
    return {
      depth: node.name.value.startsWith('__') ? 1 : inner.depth + 1,
      fields: inner.fields + 1,
      aliases: inner.aliases + (node.alias === undefined ? 0 : 1),
      roots: 1,
    };
  }

  #weighFragment(name: string): Weight {
    const known = this.#weighed.get(name);
    if (known !== undefined) return known;
    this.#weighed.set(name, NOTHING);
    const weight = this.weigh(this.#fragments.get(name)?.selectionSet);
    this.#weighed.set(name, weight);
    return weight;
  }
}

/** A validation rule that refuses documents which would cost more than any client of this interface needs. */
export function limitsRule(limits: QueryLimits): (context: ValidationContext) => ASTVisitor {
  return (context) => {
    const document = context.getDocument();
    const scales = new Scales(document);
    return {
      OperationDefinition(node) {
        const { depth, fields, aliases, roots } = scales.weigh(node.selectionSet);
        const checks: readonly [string, number, number][] = [
          ['operations at once', roots, limits.maxRootFields],
          ['levels', depth, limits.maxDepth],
          ['fields', fields, limits.maxFields],
          ['aliases', aliases, limits.maxAliases],
        ];
        const over = checks.find(([, value, limit]) => value > limit);
        if (over === undefined) return;
        const [what, , limit] = over;
        context.reportError(new GraphQLError(`The query has more than ${limit} ${what}.`, { nodes: node }));
      },
    };
  };
}
