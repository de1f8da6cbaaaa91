import { initial } from './0001-initial.ts';
import { notices } from './0002-notices.ts';
import { auditNames } from './0003-audit-names.ts';
import { rolesAndNames } from './0004-roles-and-names.ts';
import { networks } from './0005-networks.ts';
import { passwordVersions } from './0006-password-versions.ts';
import type { Migration } from './migration.ts';

/** In the order in which they are taken. */
export const MIGRATIONS: readonly Migration[] = [
  initial,
  notices,
  auditNames,
  rolesAndNames,
  networks,
  passwordVersions,
];
