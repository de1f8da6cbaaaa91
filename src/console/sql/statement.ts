import type { Expression, Item } from './expression.ts';
import type { Operand } from './words.ts';

/** `visible`: as much as the asker may see. */
export type Whose =
  { readonly kind: 'visible' | 'own' | 'all' } | { readonly kind: 'user'; readonly name: Operand };

export const REPORTS = ['users', 'pools', 'stats', 'config', 'version', 'help'] as const;
export type Report = (typeof REPORTS)[number];

export interface CreateToken {
  readonly kind: 'createToken';
  readonly label: Operand;
  readonly owner?: Operand;
  readonly lifetime?: Operand;
  readonly description?: Operand;
  readonly role?: Operand;
  readonly databases?: readonly Operand[];
  readonly networks?: readonly Operand[];
  readonly maxSessions?: Operand;
  readonly scopes?: readonly Operand[];
}

export interface ExplainLogin {
  readonly kind: 'explainLogin';
  readonly user?: Operand;
  readonly database?: Operand;
  readonly address?: Operand;
  readonly token?: Operand;
}

export interface Select {
  readonly kind: 'select';
  readonly items: readonly Item[];
  readonly source: CatalogSource | null;
}

/** The catalogue tables that a query is about. */
export interface CatalogSource {
  /** Names without their schema. */
  readonly relations: readonly string[];
  /** Texts and parameters of the WHERE clause: what a name is compared with. */
  readonly filters: readonly Expression[];
  /** There is GROUP BY, so that no rows give no row. */
  readonly isGrouped: boolean;
}

/** What one statement asks for. */
export type Statement =
  | { readonly kind: 'empty' }
  | { readonly kind: 'tokens' | 'sessions'; readonly whose: Whose }
  | { readonly kind: 'report'; readonly report: Report }
  | CreateToken
  | { readonly kind: 'revokeTokens'; readonly tids: readonly Operand[]; readonly reason?: Operand }
  | { readonly kind: 'revokeAllTokens'; readonly owner?: Operand; readonly reason?: Operand }
  | {
      readonly kind: 'rotateToken';
      readonly tid: Operand;
      readonly overlap?: Operand;
      readonly lifetime?: Operand;
    }
  | { readonly kind: 'killSessions'; readonly sids: readonly Operand[]; readonly reason?: Operand }
  | ExplainLogin
  /** Null: all of them. */
  | { readonly kind: 'showSetting'; readonly name: string | null }
  /** A value of null is DEFAULT. */
  | { readonly kind: 'set'; readonly name: string; readonly value: string | null }
  /** Null: all of them. */
  | { readonly kind: 'reset'; readonly name: string | null }
  | { readonly kind: 'begin' | 'commit' | 'rollback'; readonly tag: string }
  | { readonly kind: 'savepoint' | 'release' | 'rollbackTo'; readonly name: string }
  | { readonly kind: 'discard'; readonly isAll: boolean; readonly tag: string }
  /** Null: all of them. */
  | { readonly kind: 'deallocate'; readonly name: string | null }
  /** Has no effect here, and none is needed: `UNLISTEN *`. */
  | { readonly kind: 'nothing'; readonly tag: string }
  | Select;

export interface Parsed {
  readonly statement: Statement;
  /** The highest parameter number. */
  readonly parameters: number;
}
