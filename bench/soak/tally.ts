/** What happened, counted; and what must never happen, in words. */
export class Tally {
  logins = 0;
  /** Statements that were answered. */
  trips = 0;
  /** Logins by the token's or else the user's id: each must have its row in the audit. */
  readonly acknowledged = new Map<string, number>();
  readonly methods = new Map<string, number>();
  readonly refused = new Map<string, number>();
  lost = 0;
  left = 0;
  vanished = 0;
  readonly faults = new Map<string, number>();
  readonly violations: string[] = [];
  /** Longest time from a revocation's answer to the end of a session of that token, in milliseconds. */
  longestRevocationMs = 0;

  count(map: Map<string, number>, key: string): void {
    map.set(key, (map.get(key) ?? 0) + 1);
  }

  violated(what: string): void {
    if (this.violations.length < 100) this.violations.push(what);
  }
}
