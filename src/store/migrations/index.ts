import { initial } from './0001-initial.ts';
import type { Migration } from './migration.ts';

/** In the order in which they are taken. */
export const MIGRATIONS: readonly Migration[] = [initial];
