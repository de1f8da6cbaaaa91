import { Endings } from './endings.ts';
import { Happenings } from './happenings.ts';

/** What happened, counted; and what must never happen, in words. */
export class Tally {
  logins = 0;
  /** Writes whose answer was waited for. */
  trips = 0;
  /** Statements that were answered. */
  statements = 0;
  /** Logins by the token's or else the user's id: each must have its row in the audit. */
  readonly acknowledged = new Map<string, number>();
  /** The same, of logins whose answer the client did not get, if there was one: each explains one row at most. */
  readonly missed = new Map<string, number>();
  readonly methods = new Map<string, number>();
  /** By SQLSTATE. */
  readonly refused = new Map<string, number>();
  /** What the soak changed and was told so: action and id of what it was done to. */
  readonly changes = new Map<string, number>();
  /** Changes that may have been made although the soak was not told. */
  unsureChanges = 0;
  lost = 0;
  left = 0;
  vanished = 0;
  cancelled = 0;
  passedBy = 0;
  readonly faults = new Map<string, number>();
  readonly happenings = new Happenings();
  readonly violations: string[] = [];
  violationCount = 0;
  readonly endings = new Endings(this.happenings, (what) => this.violated(what));
  /** Monotonic milliseconds. */
  lastLoginMs = 0;

  count(map: Map<string, number>, key: string): void {
    map.set(key, (map.get(key) ?? 0) + 1);
  }

  changed(action: string, id: string): void {
    this.count(this.changes, `${action} ${id}`);
  }

  /** The first hundred are kept, the others counted. */
  violated(what: string): void {
    this.violationCount++;
    if (this.violations.length < 100) this.violations.push(what);
  }
}
