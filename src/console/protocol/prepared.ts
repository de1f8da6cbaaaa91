import { SqlError } from '../sql-error.ts';
import type { Plan } from '../plan.ts';
import { parseSingle } from '../sql/parse.ts';
import { planOf } from '../run/plan-of.ts';
import { TYPES, decodeParameter } from '../types.ts';
import type { Format, SessionMessage } from '../../wire/session-messages.ts';
import { portalOf, type Portal } from './portal.ts';

type Parse = Extract<SessionMessage, { kind: 'parse' }>;
type Bind = Extract<SessionMessage, { kind: 'bind' }>;

/** A statement that was parsed. */
export interface Prepared {
  /** Null: the empty one. */
  readonly plan: Plan | null;
  /** Of its parameters. */
  readonly types: readonly number[];
  readonly bytes: number;
}

/** What one session may have prepared at a time. */
const MOST_NAMES = 1000;
const MOST_BYTES = 4 * 1_048_576;
const MOST_PORTALS = 64;

/** Prepared statements and portals of one session; the empty name is the one that is replaced each time. */
export class PreparedObjects {
  readonly #statements = new Map<string, Prepared>();
  readonly #portals = new Map<string, Portal>();

  /** @throws SqlError */
  parse({ name, sql, parameterTypes }: Parse, isAllowed: (plan: Plan | null) => void): void {
    if (name === '') this.#statements.delete('');
    const { statement, parameters } = parseSingle(sql);
    const plan = planOf(statement);
    isAllowed(plan);
    if (this.#statements.has(name))
      throw new SqlError('42P05', `prepared statement "${name}" already exists`);
    const count = Math.max(parameters, parameterTypes.length);
    const types = Array.from({ length: count }, (_, index) => typeOr(parameterTypes[index]));
    const bytes = sql.length + name.length + 8 * count;
    this.#demandRoom(bytes);
    this.#statements.set(name, { plan, types, bytes });
  }

  /** @throws SqlError */
  bind(message: Bind, isAllowed: (plan: Plan | null) => void): void {
    const prepared = this.statement(message.statement);
    isAllowed(prepared.plan);
    const { portal: name } = message;
    if (name === '') this.#portals.delete('');
    if (this.#portals.has(name)) throw new SqlError('42P03', `portal "${name}" already exists`);
    const values = valuesOf(message, prepared);
    const bytes = values.reduce((sum, value) => sum + (value?.length ?? 0), name.length);
    if (this.#portals.size >= MOST_PORTALS) throw tooMany();
    this.#demandRoom(bytes);
    const formats = formatsOf(message.resultFormats, prepared.plan?.columns?.length ?? 0);
    this.#portals.set(name, portalOf(prepared.plan, { values, formats, bytes }));
  }

  /** @throws SqlError 26000 */
  statement(name: string): Prepared {
    const found = this.#statements.get(name);
    if (found !== undefined) return found;
    throw new SqlError(
      '26000',
      `${name === '' ? 'unnamed prepared statement' : `prepared statement "${name}"`} does not exist`,
    );
  }

  /** @throws SqlError 34000 */
  portal(name: string): Portal {
    const found = this.#portals.get(name);
    if (found !== undefined) return found;
    throw new SqlError('34000', `portal "${name}" does not exist`);
  }

  /**
   * A portal was suspended. Alone, it may keep whatever its plan makes at once; several share what one session may have.
   * @throws SqlError 54000
   */
  demandRoomFor(suspended: Portal): void {
    const keeping = [...this.#portals.values()].filter(({ kept }) => kept > 0);
    const kept = keeping.reduce((sum, portal) => sum + portal.kept, 0);
    if (kept > MOST_BYTES && keeping.some((portal) => portal !== suspended)) throw tooMany();
  }

  /** Closing what is not there is no error. */
  close(of: 'statement' | 'portal', name: string): void {
    if (of === 'statement') this.#statements.delete(name);
    else this.#portals.delete(name);
  }

  /** @param name null: all. @returns whether there was one */
  forget(name: string | null): boolean {
    if (name !== null) return this.#statements.delete(name);
    const isAny = this.#statements.size > 0;
    this.#statements.clear();
    return isAny;
  }

  /** A transaction is over. */
  closePortals(): void {
    this.#portals.clear();
  }

  #demandRoom(bytes: number): void {
    const all = [...this.#statements.values(), ...this.#portals.values()];
    const held = all.reduce((sum, each) => sum + each.bytes, bytes);
    if (all.length >= MOST_NAMES || held > MOST_BYTES) throw tooMany();
  }
}

function tooMany(): SqlError {
  return new SqlError('54000', 'too many prepared statements and portals: close some');
}

/** What is not declared is text: nothing else is ever needed. */
function typeOr(declared: number | undefined): number {
  return declared === undefined || declared === 0 ? TYPES.text.oid : declared;
}

function valuesOf({ values, parameterFormats, statement }: Bind, { types }: Prepared): (string | null)[] {
  if (values.length !== types.length) {
    throw new SqlError(
      '08P01',
      `bind message supplies ${values.length} parameters, but prepared statement "${statement}" requires ${types.length}`,
    );
  }
  const formats = formatsOf(parameterFormats, values.length);
  return values.map((value, index) =>
    value === null ? null : decodeParameter(value, types[index] ?? 0, formats[index] ?? 0),
  );
}

/** One for each, one for all, or none: text. @throws SqlError 08P01, 22023 */
function formatsOf(codes: readonly number[], count: number): Format[] {
  for (const code of codes)
    if (code !== 0 && code !== 1) throw new SqlError('22023', `unsupported format code: ${code}`);
  if (codes.length > 1 && codes.length !== count)
    throw new SqlError('08P01', `bind message has ${codes.length} formats for ${count} values`);
  return Array.from({ length: count }, (_, index) =>
    (codes.length === 1 ? codes[0] : codes[index]) === 1 ? 1 : 0,
  );
}
