/**
 * The access log: one line of JSON for each request and each change of an engine, on standard error. It never has keys. It has prompts
 * and outputs only if the operator asks for them. Servers may quote prompts in their error messages, so messages count as prompts.
 */
import { pino } from "pino";

import { redactCredentials } from "../../core/errors.ts";
import type { Author } from "../../decode/index.ts";
import { publicTrouble, type Trouble } from "../guard/engine-breaker.ts";
import type { EngineHealth } from "../guard/guarded-engine.ts";

/** A request that is over. */
export interface AccessRecord {
  /** The client gets it too, as part of the completion's id. */
  readonly requestId: string;
  readonly method: string;
  /** The route's pattern. */
  readonly route: string;
  /** HTTP status; 499 when the client left before the answer was complete. */
  readonly status: number;
  readonly durationMs: number;
  readonly queuedMs?: number | undefined;
  readonly model?: string | undefined;
  readonly policy?: string | undefined;
  readonly stream?: boolean | undefined;
  readonly choices?: number | undefined;
  readonly promptTokens?: number | undefined;
  readonly smallTokens?: number | undefined;
  readonly bigTokens?: number | undefined;
  readonly discardedTokens?: number | undefined;
  readonly switches?: number | undefined;
  readonly firstTokenMs?: number | undefined;
  readonly finish?: string | undefined;
  /** The reason for which a model could not take part. */
  readonly degraded?: string | undefined;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
  /** Written only with `logPrompts`. */
  readonly prompt?: string | undefined;
  /** Written only with `logPrompts`. */
  readonly output?: string | undefined;
}

export interface AccessLogOptions {
  readonly logPrompts?: boolean;
  /** Writes a line. Default: to standard error. */
  readonly write?: (line: string) => void;
}

/** Longest prompt or output, and longest other field, in characters. */
const MAX_TEXT_CHARACTERS = 100_000;
const MAX_FIELD_CHARACTERS = 500;

export class AccessLog {
  readonly #logPrompts: boolean;
  readonly #pino: pino.Logger;
  /** The last state of each engine that was logged. */
  readonly #engines = new Map<Author, string>();

  constructor(options: AccessLogOptions = {}) {
    this.#logPrompts = options.logPrompts ?? false;
    const { write } = options;
    const destination = write === undefined ? pino.destination({ fd: 2, sync: true }) : { write };
    const formatters = { level: (level: string) => ({ level }) };
    this.#pino = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters }, destination);
  }

  /** Writes one line for a request: `error` from status 500 on, `warn` when it was degraded, otherwise `info`. */
  request(record: AccessRecord): void {
    const { prompt, output, degraded, error, durationMs, queuedMs, firstTokenMs, ...plain } = record;
    const line = {
      ...shortened(plain),
      durationMs: rounded(durationMs),
      queuedMs: rounded(queuedMs),
      firstTokenMs: rounded(firstTokenMs),
      ...(degraded === undefined ? {} : { degraded: this.#logPrompts ? text(degraded) : true }),
      ...(error === undefined
        ? {}
        : { error: error.code, ...(this.#logPrompts ? { message: text(error.message) } : {}) }),
      ...(this.#logPrompts ? { prompt: text(prompt), output: text(output) } : {}),
    };
    const level = record.status >= 500 ? "error" : degraded === undefined ? "info" : "warn";
    this.#pino[level](line, "request");
  }

  /**
   * Writes one line when an engine goes down or comes back. Attempts that change nothing are left out, and so are words that an engine
   * said to a request.
   */
  engine(engine: Author, health: EngineHealth, trouble: Trouble | undefined): void {
    if (health === "recovering") return;
    const said = trouble === undefined || this.#logPrompts ? trouble?.message : publicTrouble(trouble);
    const state = `${health} ${said ?? ""}`;
    if (this.#engines.get(engine) === state) return;
    this.#engines.set(engine, state);
    const line = { engine, health, ...(said === undefined ? {} : { trouble: field(said) }) };
    this.#pino[health === "down" ? "warn" : "info"](line, "engine");
  }

  /** Writes one line about the gateway as a whole. */
  event(
    level: "info" | "warn" | "error",
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ): void {
    this.#pino[level](shortened(fields), redactCredentials(message));
  }
}

const rounded = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms * 10) / 10;
const clipped = (value: string, max: number): string =>
  value.length <= max ? value : `${value.slice(0, max)}… (${value.length} characters)`;
const text = (value: string | undefined): string | undefined =>
  value === undefined ? undefined : redactCredentials(clipped(value, MAX_TEXT_CHARACTERS));
const field = (value: string): string => redactCredentials(clipped(value, MAX_FIELD_CHARACTERS));

/** Shortens the fields and removes what looks like a key: clients choose some of them, for example a model's name. */
function shortened(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? field(value) : value]),
  );
}
