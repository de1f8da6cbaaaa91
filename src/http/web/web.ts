import type { Callers } from '../auth/callers.ts';
import type { SignIn } from '../auth/sign-in.ts';
import type { HttpDeps } from '../deps.ts';
import type { Assets } from './assets.ts';

/** What pages work with. */
export interface Web {
  readonly deps: HttpDeps;
  readonly callers: Callers;
  readonly signIn: SignIn;
  readonly assets: Assets;
  /** The page's address as people see it, when the operator said so. */
  readonly publicUrl: string | null;
}
