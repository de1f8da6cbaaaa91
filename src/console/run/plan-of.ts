import { command, type Plan } from '../plan.ts';
import type { Statement } from '../sql/statement.ts';
import { sessionsPlan, tokensPlan } from './list-plans.ts';
import { explainLoginPlan, killSessionsPlan, reportPlan } from './report-plans.ts';
import { selectPlan } from './select-plan.ts';
import {
  deallocatePlan,
  discardPlan,
  resetPlan,
  savepointPlan,
  setPlan,
  showSettingPlan,
  transactionPlan,
} from './session-plans.ts';
import { createTokenPlan, revokeAllTokensPlan, revokeTokensPlan, rotateTokenPlan } from './token-plans.ts';

/**
 * What a statement will do, and the columns that it will give.
 * @returns null for the empty statement
 * @throws SqlError for what can be seen to fail without running it
 */
export function planOf(statement: Statement): Plan | null {
  switch (statement.kind) {
    case 'empty':
      return null;
    case 'tokens':
      return tokensPlan(statement.whose);
    case 'sessions':
      return sessionsPlan(statement.whose);
    case 'report':
      return reportPlan(statement.report);
    case 'createToken':
      return createTokenPlan(statement);
    case 'revokeTokens':
      return revokeTokensPlan(statement);
    case 'revokeAllTokens':
      return revokeAllTokensPlan(statement);
    case 'rotateToken':
      return rotateTokenPlan(statement);
    case 'killSessions':
      return killSessionsPlan(statement);
    case 'explainLogin':
      return explainLoginPlan(statement);
    case 'select':
      return selectPlan(statement);
    default:
      return sessionPlanOf(statement);
  }
}

type Services =
  | 'empty'
  | 'tokens'
  | 'sessions'
  | 'report'
  | 'createToken'
  | 'revokeTokens'
  | 'revokeAllTokens'
  | 'rotateToken'
  | 'killSessions'
  | 'explainLogin'
  | 'select';

/** Of what concerns the session only. */
function sessionPlanOf(statement: Exclude<Statement, { kind: Services }>): Plan {
  switch (statement.kind) {
    case 'showSetting':
      return showSettingPlan(statement);
    case 'set':
      return setPlan(statement);
    case 'reset':
      return resetPlan(statement);
    case 'begin':
    case 'commit':
    case 'rollback':
      return transactionPlan(statement);
    case 'savepoint':
    case 'release':
    case 'rollbackTo':
      return savepointPlan(statement);
    case 'discard':
      return discardPlan(statement);
    case 'deallocate':
      return deallocatePlan(statement);
    case 'nothing':
      return command(() => statement.tag);
    default:
      return statement satisfies never;
  }
}
