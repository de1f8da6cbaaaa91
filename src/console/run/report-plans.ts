import type { Actor } from '../../accounts/actor.ts';
import { demandAdmin, demandPrivilege } from '../../accounts/permission.ts';
import type { ConfigLine, LoginRule, PoolReport, Statistic } from '../deps.ts';
import { HELP } from '../help.ts';
import { columnsOf, command, rowOf, SHOWN, table, type Execution, type Plan, type View } from '../plan.ts';
import type { ExplainLogin, Report, Statement } from '../sql/statement.ts';
import { callerOf } from './caller.ts';
import { usersPlan } from './list-plans.ts';

const POOLS: View<PoolReport> = [
  { name: 'engine', type: 'text', of: ({ engine }) => engine },
  { name: 'lent', type: 'int8', of: ({ lent }) => lent },
  { name: 'idle', type: 'int8', of: ({ idle }) => idle },
  { name: 'resetting', type: 'int8', of: ({ resetting }) => resetting },
  { name: 'opened', type: 'int8', of: ({ opened }) => opened },
  { name: 'reused', type: 'int8', of: ({ reused }) => reused },
  { name: 'failed', type: 'int8', of: ({ failed }) => failed },
  { name: 'cancels', type: 'int8', of: ({ cancels }) => cancels },
];

const STATISTICS: View<Statistic> = [
  { name: 'name', type: 'text', of: ({ name }) => name },
  { name: 'labels', type: 'text', of: ({ labels }) => labels },
  { name: 'value', type: 'float8', of: ({ value }) => value },
];

const CONFIG: View<ConfigLine> = [
  { name: 'name', type: 'text', of: ({ name }) => name },
  { name: 'value', type: 'text', of: ({ value }) => value },
  { name: 'default', type: 'text', of: ({ initial }) => initial },
];

const HELP_LINES: View<(typeof HELP)[number]> = [
  { name: 'statement', type: 'text', of: ([statement]) => statement },
  { name: 'what it does', type: 'text', of: ([, what]) => what },
];

const RULES: View<LoginRule> = [
  { name: 'by', type: 'text', of: ({ by }) => by },
  { name: 'rule', type: 'text', of: ({ rule }) => rule },
  { name: 'passes', type: 'bool', of: ({ passes }) => passes },
  { name: 'detail', type: 'text', of: ({ detail }) => detail },
];

/** SHOW of what is neither a list of tokens nor of sessions, nor a setting. */
export function reportPlan(report: Report): Plan {
  switch (report) {
    case 'users':
      return usersPlan();
    case 'pools':
      return reportOf(POOLS, demandManager, ({ deps }) => deps.pools());
    case 'stats':
      return reportOf(STATISTICS, demandManager, ({ deps }) => deps.statistics());
    case 'config':
      return reportOf(CONFIG, demandAdmin, ({ deps }) => deps.config());
    case 'version':
      return table([{ name: 'version', type: 'text' }], SHOWN, ({ deps }) => [[`patgate ${deps.version}`]]);
    case 'help':
      return table(columnsOf(HELP_LINES), SHOWN, () => HELP.map((line) => rowOf(HELP_LINES, line)));
    default:
      return report satisfies never;
  }
}

function demandManager(caller: Actor): void {
  demandPrivilege(caller, 'manage_all');
}

function reportOf<T>(
  view: View<T>,
  demand: (caller: Actor) => void,
  read: (execution: Execution) => readonly T[] | Promise<readonly T[]>,
): Plan {
  return table(columnsOf(view), SHOWN, async (execution) => {
    demand(await callerOf(execution));
    return (await read(execution)).map((item) => rowOf(view, item));
  });
}

export function explainLoginPlan({ user, database, address, token }: ExplainLogin): Plan {
  return table(
    columnsOf(RULES),
    () => 'EXPLAIN',
    async (execution) => {
      const caller = await callerOf(execution);
      const optional = (operand: typeof user): string | null =>
        operand === undefined ? null : execution.text(operand);
      const rules = await execution.deps.explainLogin(caller, {
        user: optional(user) ?? caller.name,
        database: optional(database),
        address: optional(address),
        tid: optional(token),
      });
      return rules.map((rule) => rowOf(RULES, rule));
    },
  );
}

export function killSessionsPlan({ sids, reason }: Extract<Statement, { kind: 'killSessions' }>): Plan {
  return command(
    async (execution) => {
      const ids = sids.map((sid) => execution.text(sid).toLowerCase());
      const why = reason && execution.text(reason);
      await execution.deps.oversight.killSessions(await callerOf(execution), ids, why);
      return `KILL ${new Set(ids).size}`;
    },
    { changes: true },
  );
}
