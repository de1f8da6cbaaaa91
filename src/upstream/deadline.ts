import type { Clock } from '../core/clock.ts';

/** An AbortSignal that also ends when another one does. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** To be called when what it bounds is over: frees the timer and the other signal. */
  clear(): void;
}

/**
 * @param outer ends the deadline early, with its own reason
 * @param expired makes the reason for when time is up
 */
export function deadline(
  clock: Clock,
  timeoutMs: number,
  expired: () => Error,
  outer: AbortSignal | null = null,
): Deadline {
  const controller = new AbortController();
  const timer = clock.after(timeoutMs, () => controller.abort(expired()));
  const onOuter = (): void => controller.abort(outer?.reason);
  outer?.addEventListener('abort', onOuter);
  if (outer?.aborted === true) onOuter();
  return {
    signal: controller.signal,
    clear() {
      timer.cancel();
      outer?.removeEventListener('abort', onOuter);
    },
  };
}

/** What an aborted signal was aborted with, as an Error. */
export function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error('given up', { cause: reason });
}
