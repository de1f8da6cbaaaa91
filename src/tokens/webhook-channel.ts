import { createHmac } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Secret } from '../core/secret.ts';
import type { ExpiryNotice, NoticeChannel } from './notices.ts';

export interface WebhookOptions {
  readonly url: Secret;
  readonly secret: Secret;
  readonly clock: Clock;
  /** 10,000 when left out. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const ENCODED_KEY = 'whsec_';

/**
 * Posts notices as JSON, signed as the Standard Webhooks specification (1.0.0) says: headers `webhook-id`,
 * `webhook-timestamp` and `webhook-signature`. The id stays the same when a notice is posted again.
 */
export function webhookChannel({
  url,
  secret,
  clock,
  timeoutMs = TIMEOUT_MS,
}: WebhookOptions): NoticeChannel {
  const key = keyOf(secret);
  const target = new URL(url.reveal());
  const credentials = credentialsOf(target);
  return {
    name: 'webhook',
    async deliver(notice) {
      const now = clock.now();
      const body = JSON.stringify(bodyOf(notice, now));
      const id = `msg_${notice.tid}_expiring`;
      const timestamp = String(Math.floor(now.getTime() / 1000));
      const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
      const response = await fetch(target, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': `v1,${signature}`,
          ...credentials,
        },
        // Where a redirect leads was never agreed to get this.
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      await response.body?.cancel();
      if (response.ok) return 'sent';
      if (isFinal(response.status)) return 'refused';
      throw new Error(`the webhook answered ${response.status}`);
    },
  };
}

function bodyOf({ tid, label, prefix, expiresAt, owner, email }: ExpiryNotice, now: Date): unknown {
  return {
    type: 'token.expiring',
    timestamp: now.toISOString(),
    data: { tid, label, prefix, expiresAt: expiresAt.toISOString(), owner, email },
  };
}

/** The request itself is at fault; sending it again would not help. Others, such as 401 or 429, an operator or time may mend. */
function isFinal(status: number): boolean {
  return [400, 410, 413, 422].includes(status);
}

/** Takes user and password out of the URL, since fetch refuses such URLs with an error that shows them. */
function credentialsOf(target: URL): Record<string, string> {
  const { username, password } = target;
  if (username === '' && password === '') return {};
  target.username = '';
  target.password = '';
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair, 'utf8').toString('base64')}` };
}

function keyOf(secret: Secret): Buffer {
  const text = secret.reveal();
  return text.startsWith(ENCODED_KEY)
    ? Buffer.from(text.slice(ENCODED_KEY.length), 'base64')
    : Buffer.from(text, 'utf8');
}
