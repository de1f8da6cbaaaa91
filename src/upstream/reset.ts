import { BACKEND } from '../wire/constants.ts';
import { frame } from '../wire/frame.ts';
import type { Transport } from '../wire/transport.ts';
import { exchange, type Expected } from './exchange.ts';
import type { Greeting, GreetingFrame } from './greeting.ts';

/** Message types that are spoken after login only: src/include/libpq/protocol.h PqMsg_*. */
const COMMAND_COMPLETE = 0x43; // C
const DATA_ROW = 0x44; // D
const EMPTY_QUERY_RESPONSE = 0x49; // I
const ROW_DESCRIPTION = 0x54; // T

/**
 * Each with its command tag, in a message of its own: DISCARD ALL may not share one. Before the releases of November 2024
 * (17.1, 16.5, 15.9; CVE-2024-10978) it left `role` at "none" where a fresh session has what ALTER ROLE … SET role or the
 * start-up packet says: thus RESET ROLE.
 */
const RESETTING: readonly (readonly [statement: string, tag: string])[] = [
  ['DISCARD ALL', 'DISCARD ALL'],
  ['RESET ROLE', 'RESET'],
];

const READY: Expected = {
  type: BACKEND.readyForQuery,
  check: (body) => (body.toString('latin1') === 'I' ? null : 'a transaction is still open'),
};

export interface ResetOptions {
  readonly engine: string;
  readonly greeting: Greeting;
  /** Whether the engine may have reported parameters that nobody here has seen. */
  readonly refreshParameters: boolean;
  readonly signal: AbortSignal;
}

/**
 * Brings a session back to where it was after its login. Only utility statements are sent: whatever needs a function or an
 * operator would be looked up in a search_path that the client has chosen (CVE-2025-12819).
 * @returns the greeting of a fresh session
 * @throws as exchange
 */
export async function resetSession(transport: Transport, options: ResetOptions): Promise<Greeting> {
  const { engine, greeting, refreshParameters, signal } = options;
  const names = refreshParameters ? greeting.names : [];
  const shown: GreetingFrame[] = [];
  const statements = RESETTING.map(([statement]) => statement);
  const expected = RESETTING.flatMap(([, tag]) => [completed(tag), READY]);
  if (names.length > 0) {
    statements.push(names.map((name) => `SHOW ${quoted(name)}`).join(';'));
    expected.push(...names.flatMap((name) => showing(name, shown)), READY);
  }
  const reported = await exchange(transport, { engine, statements, expected, signal });
  return greeting.with([...reported, ...shown]);
}

/**
 * One round trip that changes nothing.
 * @throws as exchange
 */
export async function probeSession(transport: Transport, engine: string, signal: AbortSignal): Promise<void> {
  const expected = [{ type: EMPTY_QUERY_RESPONSE }, READY];
  await exchange(transport, { engine, statements: [''], expected, signal });
}

function completed(tag: string): Expected {
  return {
    type: COMMAND_COMPLETE,
    check: (body) =>
      body.toString('latin1') === `${tag}\0` ? null : `${tag} was answered by another command tag`,
  };
}

/** The answer to SHOW: one row of one value, which becomes a ParameterStatus. */
function showing(name: string, shown: GreetingFrame[]): Expected[] {
  const check = (row: Buffer): string | null => {
    const oneValue = row.length >= 6 && row.readInt16BE(0) === 1 && row.readInt32BE(2) === row.length - 6;
    if (!oneValue) return 'SHOW gave something other than one value';
    shown.push({ name, frame: parameterStatus(name, row.subarray(6)) });
    return null;
  };
  return [{ type: ROW_DESCRIPTION }, { type: DATA_ROW, check }, completed('SHOW')];
}

function quoted(name: string): string {
  const parts = name.split('.').map((part) => `"${part.replaceAll('"', '""')}"`);
  return parts.join('.');
}

function parameterStatus(name: string, value: Buffer): Buffer {
  const nul = Buffer.of(0);
  return frame(BACKEND.parameterStatus, Buffer.from(name), nul, value, nul);
}
