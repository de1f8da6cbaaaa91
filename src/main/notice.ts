import type { Principal } from '../accounts/principal.ts';
import { DAY_MS, formatDuration } from '../core/duration.ts';
import { encodeBackend } from '../wire/backend.ts';

const NONE = Buffer.alloc(0);

/**
 * A NoticeResponse for a login whose token is close to its expiry, or empty.
 * @param withinDays 0: never
 */
export function expiryNotice(principal: Principal, withinDays: number, now: Date): Buffer {
  const { token } = principal;
  if (token === null || token.expiresAt === null || withinDays === 0) return NONE;
  const leftMs = token.expiresAt.getTime() - now.getTime();
  if (leftMs > withinDays * DAY_MS) return NONE;
  return encodeBackend({
    kind: 'noticeResponse',
    notice: {
      severity: 'NOTICE',
      sqlState: '00000',
      message: `token "${token.label}" expires in ${formatDuration(leftMs)}; rotate it or create a new one in time`,
    },
  });
}
