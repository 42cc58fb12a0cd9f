/** A scripted model to serve: the same scripts as the scripted engine's, so that both must answer the same. */
import type { TokenId } from "../../../src/core/ids.ts";
import { type ScriptedModel, testTokenizer } from "../../../src/engines/scripted/index.ts";
import { logitsOf } from "../../../src/engines/scripted/scripted-model.ts";
import type { EngineTokenizer } from "../../../src/engines/token-backend.ts";
import type { ServedModel, ServedSlot } from "./served-model.ts";

export interface ScriptedServedOptions {
  readonly next: ScriptedModel;
  /** Default `scripted`. */
  readonly name?: string;
  /** Default: bytes and the usual markers. */
  readonly tokenizer?: EngineTokenizer;
  /** Default 4096. */
  readonly contextSize?: number;
  readonly chatTemplate?: string;
}

export function scriptedServed(options: ScriptedServedOptions): ServedModel {
  const { next, name = "scripted", tokenizer = testTokenizer(), contextSize = 4096, chatTemplate } = options;
  return {
    name,
    tokenizer,
    contextSize,
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    openSlot: () => new ScriptedSlot(next, tokenizer),
    close: async () => {},
  };
}

class ScriptedSlot implements ServedSlot {
  readonly ids: TokenId[] = [];
  readonly #next: ScriptedModel;
  readonly #tokenizer: EngineTokenizer;

  constructor(next: ScriptedModel, tokenizer: EngineTokenizer) {
    this.#next = next;
    this.#tokenizer = tokenizer;
  }

  async read(ids: readonly TokenId[], wanted: number): Promise<Float64Array[]> {
    const rows: Float64Array[] = [];
    for (const [index, id] of ids.entries()) {
      this.ids.push(id);
      if (index >= ids.length - wanted) rows.push(this.#logits());
    }
    return rows;
  }

  async truncate(length: number): Promise<void> {
    this.ids.length = Math.min(this.ids.length, length);
  }

  readonly copy = async (from: ServedSlot, length: number): Promise<void> => {
    this.ids.length = 0;
    for (const id of from.ids.slice(0, length)) this.ids.push(id);
  };

  #logits(): Float64Array {
    const tokenizer = this.#tokenizer;
    const { ids } = this;
    const context = {
      ids,
      tokenizer,
      // Only for scripts that look at it: it costs time in a long context.
      get text(): string {
        return tokenizer.decode(ids);
      },
    };
    return logitsOf(this.#next(context), tokenizer);
  }
}
