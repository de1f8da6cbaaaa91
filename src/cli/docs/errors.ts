import { ERROR_REFERENCE, type ErrorReference } from '../../core/error-reference.ts';
import { ERROR_CODES, type ErrorCode } from '../../core/errors.ts';

const INTRODUCTION = `<!-- Made by "npm run docs": change the source, not this page. -->

# Errors

Every failure has a code. Log lines, audit rows, metrics and the JSON of the native API carry it; it does not change between versions.
Two audiences, two texts: the log says what happened, the client learns what it may know. Whoever fails to log in hears
PostgreSQL's own \`password authentication failed for user "NAME"\` whatever the reason; the reason is here, under its code.

**SQLSTATE** is what a SQL client can get, **HTTP** the status that an HTTP client gets; a dash: it never gets there, or is not fixed.
`;

const GROUPS: Readonly<Record<string, string>> = {
  wire: 'Before the login',
  login: 'Login',
  session: 'Sessions',
  engine: 'Engine',
  store: 'Store',
  request: 'Requests',
  policy: 'Policy',
  config: 'Process',
};

/** The whole of docs/errors.md. */
export function errorsPage(): string {
  const codes = Object.keys(ERROR_CODES) as readonly ErrorCode[];
  const groups = Object.entries(GROUPS).map(([prefix, title]) => {
    const members = codes.filter((code) => groupOf(code) === prefix);
    return [`## ${title}\n`, ...members.map(errorText)].join('\n');
  });
  return [INTRODUCTION, ...groups].join('\n');
}

/** What belongs to no other group is about the process. */
function groupOf(code: ErrorCode): string {
  const [prefix = ''] = code.split('.');
  return prefix in GROUPS ? prefix : 'config';
}

function errorText(code: ErrorCode): string {
  const { sqlStates, httpStatus, remedy }: ErrorReference = ERROR_REFERENCE[code];
  const states = sqlStates.length === 0 ? '–' : sqlStates.map((state) => `\`${state}\``).join(', ');
  return `### \`${code}\`\n\n${ERROR_CODES[code]}\n\nSQLSTATE ${states} · HTTP ${httpStatus ?? '–'}\n\n${remedy}\n`;
}
