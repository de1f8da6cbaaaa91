import { createTransport } from 'nodemailer';
import type { Secret } from '../core/secret.ts';
import type { ExpiryNotice, NoticeChannel } from './notices.ts';

export interface MailOptions {
  /** `smtps://user:password@host:port` */
  readonly url: Secret;
  readonly from: string;
  /** Of the web page, for the link in the mail; null when there is none. */
  readonly pageUrl: string | null;
  /** 10,000 when left out. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

/** Mails the owner, if an address is known. */
export function mailChannel({ url, from, pageUrl, timeoutMs = TIMEOUT_MS }: MailOptions): NoticeChannel {
  const transport = createTransport({
    url: url.reveal(),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    // Labels are people's own text: nothing in them may be taken for a file or an address to read from.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    name: 'mail',
    async deliver(notice) {
      if (notice.email === null) return 'skipped';
      try {
        await transport.sendMail({
          from,
          // As an object, since a text would be taken apart at commas.
          to: { name: notice.owner, address: notice.email },
          subject: `Your access token "${notice.label}" expires on ${dayOf(notice.expiresAt)}`,
          text: textOf(notice, pageUrl),
          headers: { 'Auto-Submitted': 'auto-generated' },
        });
        return 'sent';
      } catch (error) {
        if (isPermanent(error)) return 'refused';
        throw error;
      }
    },
  };
}

function textOf({ label, prefix, expiresAt, owner }: ExpiryNotice, pageUrl: string | null): string {
  const remedy =
    pageUrl === null
      ? 'Rotate it, or create another one, before then.'
      : `Rotate it, or create another one, before then: ${pageUrl}`;
  return `Hello ${owner},

your access token "${label}" (${prefix}…) expires on ${expiresAt.toUTCString()}.
Programs that log in with it will be refused from then on.

${remedy}
`;
}

function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}

/** RFC 5321, 4.2.1: an answer of the 5yz class to this recipient or message, not to our login. */
function isPermanent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, responseCode } = error as Error & { code?: string; responseCode?: number };
  return (code === 'EENVELOPE' || code === 'EMESSAGE') && responseCode !== undefined && responseCode >= 500;
}
