/** An engine that writes as fast as it is read, without end: a gigabyte is nothing to it. It counts what it wrote. */
import { modelId, vocabularyId } from "../../../src/core/ids.ts";
import type {
  AppendOutcome,
  Engine,
  GenerateEvent,
  GenerateOptions,
  ScoreOutcome,
  Sequence,
  SequenceWork,
} from "../../../src/engines/engine.ts";

/** One token's text. */
export const FLOOD_TEXT = "flood ".repeat(700);
export const FLOOD_TOKENS = 1_000_000;

export class FloodEngine implements Engine {
  readonly model = modelId("flood");
  readonly vocabulary = vocabularyId("flood");
  readonly chatTemplate = "plain";
  readonly capabilities = {
    scores: "every-position",
    prefill: true,
    tokenIds: false,
    logitBias: true,
    isControlToken: () => true,
    contextSize: 10 * FLOOD_TOKENS,
  } as const;
  /** Tokens so far. */
  written = 0;
  openSequences = 0;

  async open(): Promise<Sequence> {
    this.openSequences++;
    return new FloodSequence(this);
  }

  async countTokens(): Promise<number> {
    return 1;
  }

  async close(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}

class FloodSequence implements Sequence {
  position = 0;
  readonly work: SequenceWork = { prefilled: 0, scored: 0, decoded: 0, calls: 0 };
  readonly #engine: FloodEngine;
  #closed = false;

  constructor(engine: FloodEngine) {
    this.#engine = engine;
  }

  async append(): Promise<AppendOutcome> {
    this.position++;
    return { status: "ok", position: this.position, tokens: [] };
  }

  async *generate(options: GenerateOptions, signal?: AbortSignal): AsyncGenerator<GenerateEvent, undefined> {
    for (let count = 0; count < options.maxTokens; count++) {
      if (count % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      this.#engine.written++;
      this.position++;
      yield { type: "token", text: FLOOD_TEXT };
    }
    yield { type: "end", reason: "limit" };
    return undefined;
  }

  async score(): Promise<ScoreOutcome> {
    throw new Error("the flood is never interrupted by a big model");
  }

  async truncate(position: number): Promise<void> {
    this.position = position;
  }

  async fork(): Promise<Sequence> {
    return this.#engine.open();
  }

  async close(): Promise<void> {
    if (!this.#closed) this.#engine.openSequences--;
    this.#closed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
