/** What takes file descriptors besides sessions. */
export interface DescriptorNeeds {
  readonly maxSessions: number;
  /** Connections whose login is not settled. */
  readonly maxPending: number;
  /** Engine sessions that wait to be used again. */
  readonly maxIdle: number;
  /** Connections to the store. */
  readonly storePool: number;
  /** Connections to each of the HTTP listeners. */
  readonly http: number;
}

/** How far a limit on file descriptors reaches. */
export interface DescriptorBudget {
  /** As many sessions as there is room for, over all processes; never none. */
  readonly sessions: number;
  /** As many connections whose login is not settled. */
  readonly pending: number;
  /** As many connections to each HTTP listener. */
  readonly http: number;
}

/** A client's connection and the engine's. */
const PER_SESSION = 2;
/** Page and APIs, metrics. */
const HTTP_LISTENERS = 2;
/** Logs, files read now and then, and whatever Node opens for itself. */
const OWN = 64;

/**
 * @param text of /proc/PID/limits
 * @returns the soft limit, which Node raises to the hard limit when it starts; null when the text does not tell
 */
export function limitIn(text: string): number | null {
  const soft = /^Max open files\s+(\d+)/m.exec(text)?.[1];
  return soft === undefined ? null : Number(soft);
}

/** @param limit of each process @param workers over how many processes sessions are spread */
export function descriptorBudget(limit: number, needs: DescriptorNeeds, workers: number): DescriptorBudget {
  // Of a small limit, half is for sessions.
  const pending = Math.max(1, Math.min(needs.maxPending, Math.floor(limit / 4)));
  const idle = Math.min(needs.maxIdle, Math.floor(limit / 8));
  const http = Math.max(1, Math.min(needs.http, Math.floor(limit / 16)));
  // With workers, their parent serves HTTP, and nothing else.
  const forHttp = workers > 1 ? 0 : HTTP_LISTENERS * http;
  const left = limit - pending - idle - needs.storePool - forHttp - OWN;
  return { sessions: Math.max(1, Math.floor(left / PER_SESSION)) * workers, pending, http };
}

/** @returns the arithmetic, for people; null when there is room for all sessions that were asked for */
export function descriptorShortage(limit: number, needs: DescriptorNeeds, workers: number): string | null {
  const { maxSessions, maxPending, maxIdle, storePool, http } = needs;
  const { sessions } = descriptorBudget(limit, needs, workers);
  if (maxSessions <= sessions) return null;
  const own = PER_SESSION * Math.ceil(maxSessions / workers);
  const forHttp = workers > 1 ? 0 : HTTP_LISTENERS * http;
  return (
    `sessions.max = ${maxSessions} needs ${own + maxPending + maxIdle + storePool + forHttp + OWN} file descriptors` +
    `${workers > 1 ? ' in each worker' : ''} (${PER_SESSION} for each session, ${maxPending} for logins under way, ` +
    `${maxIdle} for idle engine sessions, ${storePool} for the store, ${forHttp} for HTTP, ${OWN} for the rest). The limit is ${limit}: enough for ` +
    `${sessions} sessions, and more are refused. Raise it (LimitNOFILE=, ulimit -n) or lower sessions.max`
  );
}
