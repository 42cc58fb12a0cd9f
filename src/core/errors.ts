/**
 * One base class, one subclass for each boundary that can be crossed. A message says what failed, where,
 * the value seen and what to do. Only the gateway maps an error to an HTTP status, only the CLI to an exit status.
 */

export type ErrorCode =
  | "config-invalid"
  | "usage"
  | "file-missing"
  | "file-unreadable"
  | "file-invalid"
  | "data-invalid"
  | "budget-spent"
  | "engine-unavailable"
  | "engine-failed"
  | "engine-closed"
  | "pair-mismatch"
  | "prompt-too-long"
  | "wire-invalid"
  | "train-invalid"
  | "train-diverged"
  | "trainer-unavailable"
  | "trainer-lost"
  | "aborted"
  | "internal";

export interface SplitReasonErrorOptions {
  readonly code: ErrorCode;
  readonly cause?: unknown;
  /** Whether the same call may succeed later. Default false. */
  readonly retryable?: boolean;
}

export class SplitReasonError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;

  constructor(message: string, options: SplitReasonErrorOptions) {
    super(redactCredentials(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code;
    this.retryable = options.retryable ?? false;
  }
}

/** A flag, a configuration file or an engine spec is wrong. */
export class ConfigError extends SplitReasonError {}
/** A file or a row of data cannot be used. */
export class DataError extends SplitReasonError {}
/** A model could not be loaded, or failed while running. */
export class EngineError extends SplitReasonError {}
/** A remote service answered in a way that its protocol does not allow. */
export class WireError extends SplitReasonError {}
/** Training cannot start or continue. */
export class TrainError extends SplitReasonError {}

const CREDENTIAL =
  /\b(?:sk|hf|key|tml)[-_][A-Za-z0-9_-]{8,}|(?<=bearer\s)[^\s"']+|(?<=:\/\/)[^\s/@:]+:[^\s/@]+(?=@)/gi;

/** Replaces what looks like a key, a bearer token or `user:password@` by `[redacted]`. */
export function redactCredentials(text: string): string {
  return text.replace(CREDENTIAL, "[redacted]");
}

/** The message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
