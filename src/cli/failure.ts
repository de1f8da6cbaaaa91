import { CommanderError } from 'commander';
import { describeError, GatewayError, RequestError, type ErrorCode } from '../core/errors.ts';

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  configuration: 3,
  notPermitted: 4,
  unreachable: 5,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** For help and documentation. */
export const EXIT_CODES: Readonly<Record<ExitCode, string>> = {
  0: 'ok',
  1: 'failed, or the answer is no',
  2: 'usage: unknown option, bad value',
  3: 'configuration',
  4: 'not permitted, by privilege or policy',
  5: 'store or engine unreachable',
};

/** Arguments that make no sense together. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The configuration is not usable; one line for each problem. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** A command that did its work, whose answer is no: a broken audit chain, a check that failed. All has been said already. */
export class NegativeAnswer extends Error {
  override readonly name = 'NegativeAnswer';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode = EXIT.failed) {
    super('');
    this.exitCode = exitCode;
  }
}

const EXIT_OF_CODE: Partial<Record<ErrorCode, ExitCode>> = {
  'request.invalid': EXIT.usage,
  'request.unauthenticated': EXIT.notPermitted,
  'request.forbidden': EXIT.notPermitted,
  'policy.lifetime_too_long': EXIT.notPermitted,
  'policy.never_expiring': EXIT.notPermitted,
  'policy.too_many_tokens': EXIT.notPermitted,
  'policy.tokens_off': EXIT.notPermitted,
  'policy.no_privilege': EXIT.notPermitted,
  'config.invalid': EXIT.configuration,
  'store.unreachable': EXIT.unreachable,
  'store.failed': EXIT.unreachable,
  'engine.unreachable': EXIT.unreachable,
  'engine.tls': EXIT.unreachable,
  'embedded.failed': EXIT.unreachable,
};

/** The exit code that scripts can rely on. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof ConfigurationError) return EXIT.configuration;
  if (error instanceof NegativeAnswer) return error.exitCode;
  if (error instanceof RequestError || error instanceof GatewayError) {
    return EXIT_OF_CODE[error.code] ?? EXIT.failed;
  }
  return EXIT.failed;
}

/** What standard error gets; empty when it has been said. */
export function linesOf(error: unknown): readonly string[] {
  if (error instanceof CommanderError || error instanceof NegativeAnswer) return [];
  if (error instanceof ConfigurationError) return error.problems;
  return [describeError(error)];
}
