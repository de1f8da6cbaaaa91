/** Lets a job run in exactly one process of many. */
export interface Leases {
  /**
   * Runs `work` if no other process holds the lease; keeps it alive meanwhile and gives it back afterwards.
   * @param signal passed to work: aborted when the lease was lost
   * @returns whether work ran
   */
  withLease(name: string, durationMs: number, work: (signal: AbortSignal) => Promise<void>): Promise<boolean>;
}
