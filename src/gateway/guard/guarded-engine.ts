/**
 * An engine that may be away. It is opened in the background, and opened again when it has to be. After several failures in a row a
 * circuit breaker (cockatiel) stops all calls. While the engine is away, opening a sequence fails at once, so that a split decode
 * continues without waiting. The guard brings it back with its own attempts of one token each, never at the cost of a request.
 */
import { onAbort, settle } from "../../core/async.ts";
import { ConfigError, EngineError, SplitReasonError } from "../../core/errors.ts";
import { modelId, type ModelId, type VocabularyId, vocabularyId } from "../../core/ids.ts";
import type { Piece } from "../../core/piece.ts";
import { closedError } from "../../engines/cancellation.ts";
import type { Engine, EngineCapabilities, OpenOptions, Sequence } from "../../engines/engine.ts";
import { EngineBreaker, publicTrouble, type Trouble } from "./engine-breaker.ts";
import { tryOneToken, withinLimit } from "./engine-trial.ts";
import { GuardedSequence, watchCall } from "./guarded-sequence.ts";

/** `recovering`: the engine is being opened or tried. */
export type EngineHealth = "up" | "down" | "recovering";

export interface GuardOptions {
  /** The name until the engine has been opened: its spec. */
  readonly name: string;
  /** Failures in a row that open the circuit breaker. Default 3. */
  readonly failures?: number;
  /** Time between two attempts to bring the engine back. Default 10 s. */
  readonly resetMs?: number;
  /** Longest time for one attempt, and for the first opening of one that is away. Default 30 s. */
  readonly trialMs?: number;
  /** The chat template to report until the engine has been opened. Nothing is decoded with it. */
  readonly templateUntilOpen?: string;
  /** Throws when a newly opened engine cannot be used, e.g. because it has no chat template. */
  readonly accept?: (engine: Engine) => void;
  /** Called at every change. */
  readonly onHealth?: (health: EngineHealth, trouble: Trouble | undefined) => void;
}

/** Opens the engine. Called again whenever the engine has to be opened again. */
export type OpenGuarded = (signal: AbortSignal) => Promise<Engine>;

/** Guards the engine that `open` opens. Nothing is opened before {@link GuardedEngine.start}. */
export function guardEngine(open: OpenGuarded, options: GuardOptions): GuardedEngine {
  return new GuardedEngine(open, options);
}

/** The health of any engine. An engine without a guard is always `up`. */
export function healthOf(engine: Engine): EngineHealth {
  return engine instanceof GuardedEngine ? engine.health() : "up";
}

/** Why an engine is not up, in words that anyone may read. */
export function troubleOf(engine: Engine): string | undefined {
  const trouble = engine instanceof GuardedEngine ? engine.trouble : undefined;
  return trouble === undefined ? undefined : publicTrouble(trouble);
}

/** Stand-in until the engine is open. No sequence can be opened until then, so nothing relies on it. */
const UNKNOWN: EngineCapabilities = {
  scores: "every-position",
  prefill: true,
  tokenIds: false,
  logitBias: true,
  isControlToken: () => true,
  contextSize: Number.MAX_SAFE_INTEGER,
};

const CLOSE_LIMIT_MS = 10_000;

let unknownVocabularies = 0;

type Known = Pick<Engine, "model" | "vocabulary" | "capabilities" | "chatTemplate">;

export class GuardedEngine implements Engine {
  readonly #openEngine: OpenGuarded;
  readonly #options: GuardOptions;
  readonly #trialMs: number;
  readonly #breaker: EngineBreaker;
  readonly #closing = new AbortController();
  readonly #sequences = new Set<Sequence>();
  /** The facts of the engine that was opened first. They never change, because running requests rely on them. */
  #known: Known;
  #engine: Engine | undefined;
  #everOpen = false;
  #told: EngineHealth | undefined;
  #working: Promise<unknown> = Promise.resolve();

  constructor(open: OpenGuarded, options: GuardOptions) {
    this.#openEngine = open;
    this.#options = options;
    this.#trialMs = options.trialMs ?? 30_000;
    this.#known = {
      model: modelId(options.name),
      // One for each guard: ids never cross to or from a vocabulary that is not known.
      vocabulary: vocabularyId(`unknown:${options.name}:${unknownVocabularies++}`),
      capabilities: UNKNOWN,
      ...(options.templateUntilOpen === undefined ? {} : { chatTemplate: options.templateUntilOpen }),
    };
    this.#breaker = new EngineBreaker({
      model: () => this.model,
      failures: options.failures ?? 3,
      resetMs: options.resetMs ?? 10_000,
      attempt: () => (this.#working = this.#try()),
      onChange: () => this.#tell(),
    });
  }

  get model(): ModelId {
    return this.#known.model;
  }

  get vocabulary(): VocabularyId {
    return this.#known.vocabulary;
  }

  get capabilities(): EngineCapabilities {
    return this.#known.capabilities;
  }

  get chatTemplate(): string | undefined {
    return this.#known.chatTemplate;
  }

  health(): EngineHealth {
    if (this.#breaker.state === "open") return "down";
    return this.#breaker.state === "closed" && this.#engine !== undefined ? "up" : "recovering";
  }

  /** The last problem, while the engine is not up. */
  get trouble(): Trouble | undefined {
    return this.health() === "up" ? undefined : this.#breaker.trouble;
  }

  activity(): number {
    return this.#engine?.activity?.() ?? 0;
  }

  /** Sequences that are open now. */
  get openSequences(): number {
    return this.#sequences.size;
  }

  /**
   * Opens the engine for the first time. Resolves when it is up. Resolves also when it is away; the guard then keeps trying.
   * @throws errors that waiting does not cure: a wrong spec, a missing file, an engine that `accept` refuses.
   */
  async start(signal?: AbortSignal): Promise<void> {
    const release = onAbort(signal, () => this.#closing.abort(signal?.reason));
    try {
      const opening = this.#reopen(this.#closing.signal);
      this.#working = opening.catch(() => {});
      await opening;
      this.#tell();
    } catch (error) {
      if (!isAway(error)) throw error;
      this.#breaker.trip(error);
    } finally {
      release();
    }
  }

  async open(options?: OpenOptions, signal?: AbortSignal): Promise<Sequence> {
    if (this.#closing.signal.aborted) throw closedError(this.model, "engine");
    const engine = this.#engine;
    if (engine === undefined || this.#breaker.state !== "closed") throw this.#awayError();
    return this.#guarded(await watchCall(this.#breaker, () => engine.open(options, signal), signal));
  }

  async countTokens(pieces: readonly Piece[]): Promise<number> {
    const engine = this.#engine;
    if (engine === undefined) throw this.#awayError();
    return watchCall(this.#breaker, () => engine.countTokens(pieces));
  }

  async close(): Promise<void> {
    this.#breaker.close();
    this.#closing.abort(closedError(this.model, "engine"));
    // An engine that never closes must not hold the process.
    await settle(this.#working, CLOSE_LIMIT_MS);
    await settle(this.#engine?.close() ?? Promise.resolve(), CLOSE_LIMIT_MS);
    this.#engine = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #guarded(sequence: Sequence): Sequence {
    const guarded = new GuardedSequence(sequence, this.#breaker, {
      onClose: (closed) => this.#sequences.delete(closed),
      onFork: (forked) => this.#guarded(forked),
    });
    this.#sequences.add(guarded);
    return guarded;
  }

  /** Makes one attempt: with the engine that is open, and if that does not work, with a new one. */
  async #try(): Promise<void> {
    const attempt = async (signal: AbortSignal): Promise<void> => {
      const engine = this.#engine;
      if (engine !== undefined) {
        try {
          await tryOneToken(engine, signal);
          return;
        } catch (error) {
          // Requests may still be read from it: one member of a pool is away, say.
          if (this.#sequences.size > 0 || signal.aborted) throw error;
          this.#engine = undefined;
          await engine.close().catch(() => {});
        }
      }
      await this.#reopen(signal);
      if (this.#engine !== undefined) await tryOneToken(this.#engine, signal);
    };
    await withinLimit(attempt, this.#trialMs, this.#closing.signal, `${this.model}: bringing it back`);
  }

  async #reopen(signal: AbortSignal): Promise<void> {
    const engine = await this.#openEngine(signal);
    try {
      // The engine came too late: the attempt was given up.
      signal.throwIfAborted();
      this.#options.accept?.(engine);
      if (this.#everOpen && engine.vocabulary !== this.#known.vocabulary) {
        throw new ConfigError(
          `${engine.model}: it came back with another vocabulary, so it is another model; restart the gateway to use it.`,
          { code: "config-invalid" },
        );
      }
    } catch (error) {
      await engine.close().catch(() => {});
      throw error;
    }
    if (!this.#everOpen) {
      const { model, vocabulary, capabilities, chatTemplate } = engine;
      this.#known = { model, vocabulary, capabilities, chatTemplate };
    }
    this.#everOpen = true;
    this.#engine = engine;
  }

  #tell(): void {
    const health = this.health();
    if (health === this.#told) return;
    this.#told = health;
    this.#options.onHealth?.(health, this.trouble);
  }

  /** Retryable once the template is known: a prompt that was rendered without it must not reach the engine later. */
  #awayError(): EngineError {
    const { trouble } = this.#breaker;
    const why = trouble === undefined ? "it is being opened" : `it is away (${publicTrouble(trouble)})`;
    return new EngineError(`${this.model}: ${why}; it is tried again every few seconds.`, {
      code: "engine-unavailable",
      retryable: this.#everOpen,
    });
  }
}

/** Whether waiting may cure the error. */
function isAway(error: unknown): boolean {
  return error instanceof SplitReasonError && (error.retryable || error.code === "engine-unavailable");
}
