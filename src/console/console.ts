import { encodeBackend } from '../wire/backend.ts';
import { createPipe } from '../wire/pipe.ts';
import type { StartupParameter } from '../wire/startup.ts';
import type { Transport } from '../wire/transport.ts';
import type { ConsoleDeps, Visitor } from './deps.ts';
import { ConsoleSession } from './protocol/session.ts';
import { serverVersion, Settings } from './settings.ts';
import { SqlError } from './sql-error.ts';

export type { ConsoleDeps, Visitor } from './deps.ts';

/** A session with the console, which speaks as an engine does behind its first ReadyForQuery. */
export interface ConsoleLine {
  /** Paused and without a sink. */
  readonly transport: Transport;
  /** ParameterStatus of every setting that is reported. */
  readonly greeting: Buffer;
  /** Cancels what runs, if it can be cancelled. */
  cancel(): void;
  close(): void;
  /** Settles, never rejects, once nothing is left of it. */
  readonly ended: Promise<void>;
}

/** Opens a session for somebody who is logged in. @param parameters of the start-up packet */
export function openConsole(
  visitor: Visitor,
  parameters: readonly StartupParameter[],
  deps: ConsoleDeps,
): ConsoleLine {
  const settings = new Settings({
    user: visitor.principal.name,
    application: visitor.application ?? '',
    serverVersion: serverVersion(deps.version),
  });
  for (const { name, value } of parameters) adopt(settings, name, value);
  const [near, far] = createPipe();
  const session = new ConsoleSession({ pipe: far, visitor, settings, deps });
  return {
    transport: near,
    greeting: Buffer.concat(
      settings.reported.map(([name, value]) => encodeBackend({ kind: 'parameterStatus', name, value })),
    ),
    cancel: () => session.cancel(),
    close() {
      session.cancel();
      near.destroy();
    },
    ended: session.run(),
  };
}

/** What a client wishes and does not get here is no reason to send it away. */
function adopt(settings: Settings, name: string, value: Buffer): void {
  try {
    settings.set(name, value.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
  }
}
