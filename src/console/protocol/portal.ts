import type { Plan, Run } from '../plan.ts';
import { lengthOf, type Row } from '../types.ts';
import type { Format } from '../../wire/session-messages.ts';

/** What Bind gives. */
interface Bound {
  readonly values: readonly (string | null)[];
  /** Of each column; as asked for, once it is known how many columns there are. */
  readonly formats: readonly Format[];
  readonly bytes: number;
}

/** A statement with the values of its parameters, as far as it has run. */
export interface Portal extends Bound {
  readonly plan: Plan | null;
  /** How many rows are to be sent yet before it is suspended. */
  wanted: number;
  /** Null: not begun. */
  run: Run | null;
  /** Rows that were made last; a plan that has not come to its end holds them, too. */
  batch: readonly Row[];
  /** How many of these were sent. */
  sent: number;
  /** What they take. */
  kept: number;
  /** Null: not done. */
  tag: string | null;
  /** Its statement failed, so it is not run on: what it changed would change twice. */
  hasFailed: boolean;
}

const NOTHING_BOUND: Bound = { values: [], formats: [], bytes: 0 };

export function portalOf(plan: Plan | null, bound = NOTHING_BOUND): Portal {
  const { values, formats, bytes } = bound;
  return {
    plan,
    values,
    formats,
    bytes,
    wanted: 0,
    run: null,
    batch: [],
    sent: 0,
    kept: 0,
    tag: null,
    hasFailed: false,
  };
}

/** Its plan has made more rows. */
export function keep(portal: Portal, batch: readonly Row[]): void {
  portal.batch = batch;
  portal.sent = 0;
  portal.kept = sizeOf(batch);
}

export function letGo(portal: Portal): void {
  portal.run = null;
  keep(portal, []);
}

/** What a value takes beyond its characters. */
const PER_VALUE = 16;

function sizeOf(rows: readonly Row[]): number {
  let size = 0;
  for (const row of rows) for (const value of row) size += lengthOf(value) + PER_VALUE;
  return size;
}
