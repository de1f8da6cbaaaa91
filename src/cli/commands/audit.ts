import { Option, type Command } from 'commander';
import {
  AUDIT_ACTIONS,
  type AuditAction,
  type AuditEntry,
  type AuditQuery,
  type AuditRow,
  type AuditVerdict,
} from '../../store/audit.ts';
import { defined } from '../../core/defined.ts';
import { countArgument, momentArgument } from '../arguments.ts';
import { NegativeAnswer } from '../failure.ts';
import { addLeaf } from '../leaf.ts';
import { printList, printOne, type OutputOptions } from '../output/print.ts';
import { AUDIT_COLUMNS, VERDICT_COLUMNS } from '../output/views.ts';
import { getUser } from '../references.ts';
import { withServices, type Services } from '../services.ts';
import { say, type Terminal } from '../terminal.ts';

const PAGE_SIZE = 1000;

export function addAuditCommands(program: Command, terminal: Terminal): void {
  const audit = program.command('audit').description('Who did what, and what it came to.');
  addList(audit, terminal);
  addVerify(audit, terminal);
}

interface ListOptions extends OutputOptions {
  readonly action?: AuditAction;
  readonly outcome?: AuditEntry['outcome'];
  readonly user?: string;
  readonly token?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly limit: number;
}

function addList(audit: Command, terminal: Terminal): void {
  const command = addLeaf(audit, {
    name: 'list',
    description: 'Lists audit rows, newest first.',
    hasOutput: true,
    examples: [
      'patgate audit list --since 24h --action login --outcome refused',
      'patgate audit list --user ada --limit 1000 -o csv > ada.csv',
    ],
  });
  command
    .addOption(new Option('--action <action>', 'only this action').choices(AUDIT_ACTIONS))
    .addOption(new Option('--outcome <outcome>', 'only this outcome').choices(['ok', 'refused', 'failed']))
    .option('--user <user>', 'by or about this user: name, e-mail or uid')
    .option('--token <tid>', 'by or about this token')
    .option('--since <moment>', 'not older: 24h, or 2026-01-31T12:00Z', momentArgument)
    .option('--until <moment>', 'older: 1h, or 2026-02-01T12:00Z', momentArgument)
    .option('--limit <count>', 'list no more than so many', countArgument, 100)
    .action((options: ListOptions) =>
      withServices(command, terminal, async (services) => {
        printList(terminal, options.output, await rowsOf(services, options), AUDIT_COLUMNS);
      }),
    );
}

async function rowsOf(services: Services, options: ListOptions): Promise<readonly AuditRow[]> {
  const { action, outcome, token: tid, since: from, until: before } = options;
  const uid = options.user === undefined ? undefined : (await getUser(services, options.user)).uid;
  const query: AuditQuery = defined({ action, outcome, uid, tid, from, before });
  const rows: AuditRow[] = [];
  for (;;) {
    const limit = Math.min(PAGE_SIZE, options.limit - rows.length);
    if (limit === 0) return rows;
    const beforeSeq = rows.at(-1)?.seq;
    const page = await services.oversight.audit(services.actor, {
      ...query,
      limit,
      ...defined({ beforeSeq }),
    });
    rows.push(...page);
    if (page.length < limit) return rows;
  }
}

function addVerify(audit: Command, terminal: Terminal): void {
  const command = addLeaf(audit, {
    name: 'verify',
    description:
      'Reads the whole chain and says whether a row was changed, deleted or put in: then the exit code is 1.',
    hasOutput: true,
    examples: ['patgate audit verify', 'patgate audit verify -o json'],
  });
  command.action(({ output }: OutputOptions) =>
    withServices(command, terminal, async ({ actor, oversight }) => {
      const verdict = await oversight.verifyAudit(actor);
      if (output === 'table') terminal.stdout.write(`${lineOf(verdict)}\n`);
      else printOne(terminal, output, verdict, VERDICT_COLUMNS);
      if (verdict.ok) return;
      say(terminal, 'patgate: the audit was tampered with or is damaged');
      throw new NegativeAnswer();
    }),
  );
}

function lineOf(verdict: AuditVerdict): string {
  if (!verdict.ok) return `broken at row ${verdict.seq}: ${verdict.problem}`;
  const range = verdict.firstSeq === null ? '' : `, ${verdict.firstSeq} to ${verdict.lastSeq}`;
  return `ok: ${verdict.rows} rows${range}`;
}
