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
        const code = codeOfRefusal(error);
        if (code === null) throw error;
        return code >= 500 ? 'refused' : 'postponed';
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

/** RFC 5321, 4.2.3: the server goes away, whomever the mail is for. */
const CLOSING = 421;

/** RFC 5321, 4.2.1: an answer of the 4yz or 5yz class to this recipient or message, not to our login. Null: something else. */
function codeOfRefusal(error: unknown): number | null {
  if (!(error instanceof Error)) return null;
  const { code, command, responseCode } = error as Error & Refusal;
  if ((code !== 'EENVELOPE' && code !== 'EMESSAGE') || responseCode === undefined) return null;
  if (responseCode >= 500) return responseCode;
  return responseCode === CLOSING || command === 'MAIL FROM' ? null : responseCode;
}

/** What nodemailer adds to an error. */
interface Refusal {
  readonly code?: string;
  readonly command?: string;
  readonly responseCode?: number;
}
