import type { Hono } from 'hono';
import type { HttpEnv } from '../../../env.ts';
import type { Web } from '../../web.ts';
import { auditScreen } from './audit.ts';
import { groupRemovalScreens } from './group-removals.ts';
import { groupScreens } from './groups.ts';
import { administration } from './guard.ts';
import { overviewScreen } from './overview.ts';
import { policySwitchScreens } from './policy-switch.ts';
import { policyScreen } from './policy.ts';
import { privilegesScreen } from './privileges.ts';
import { sessionsScreen } from './sessions.ts';
import { tokenReportScreen } from './token-report.ts';
import { userActionScreens } from './user-actions.ts';
import { userListScreen } from './user-list.ts';
import { newUserScreen } from './user-new.ts';
import { userScreen } from './user.ts';

/** Everything under `/admin`, for those with *manage all*; what only *admin* may change, others see. */
export function adminScreens(routes: Hono<HttpEnv>, web: Web): void {
  for (const path of ['/admin', '/admin/*']) routes.use(path, administration(web));
  overviewScreen(routes, web);
  tokenReportScreen(routes, web);
  newUserScreen(routes, web);
  userListScreen(routes, web);
  userScreen(routes, web);
  userActionScreens(routes, web);
  privilegesScreen(routes, web);
  groupScreens(routes, web);
  groupRemovalScreens(routes, web);
  policyScreen(routes, web);
  policySwitchScreens(routes, web);
  sessionsScreen(routes, web);
  auditScreen(routes, web);
}
