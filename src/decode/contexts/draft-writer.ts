/** The small model drafts for the big one: speculative decoding. Its sequence holds the big model's text, prompt included, and its own guesses. */
import type { TokenId } from "../../core/ids.ts";
import type { Drafter, Engine, MarkerBias, Sequence } from "../../engines/engine.ts";
import type { EngineWork } from "../events/events.ts";
import type { DraftLimits } from "../policies/policy.ts";
import { NO_WORK } from "./model-context.ts";

/** Tokens of the first draft. */
const FIRST_LENGTH = 4;

export class DraftWriter implements Drafter {
  readonly #engine: Engine;
  readonly #limits: DraftLimits;
  readonly #bias: readonly MarkerBias[];
  readonly #signal: AbortSignal;
  #sequence: Sequence | undefined;
  /** Tokens in the sequence. */
  #ids: TokenId[] = [];
  #length: number;
  #drafted = 0;
  #accepted = 0;
  #closed = false;

  /** @param bias What the big model cannot write, so that it is not drafted. */
  constructor(engine: Engine, limits: DraftLimits, bias: readonly MarkerBias[], signal: AbortSignal) {
    this.#engine = engine;
    this.#limits = limits;
    this.#bias = bias;
    this.#signal = signal;
    this.#length = Math.min(FIRST_LENGTH, limits.tokens);
  }

  /** Drafts greedily, up to the first token that the small model itself is not sure of. */
  async draft(ids: readonly TokenId[], most: number): Promise<readonly TokenId[]> {
    const sequence = await this.#catchUp(ids);
    if (sequence === undefined) return [];
    const draft: TokenId[] = [];
    const leastLogprob = Math.log(this.#limits.confidence);
    const tokens = sequence.generate(
      {
        maxTokens: Math.min(most, this.#length),
        sampling: { temperature: 0, seed: 0 },
        logprobs: true,
        ...(this.#bias.length > 0 ? { bias: this.#bias } : {}),
      },
      this.#signal,
    );
    for await (const token of tokens) {
      if (token.type === "end" || token.id === undefined) break;
      this.#ids.push(token.id);
      if ((token.logprob ?? 0) < leastLogprob) break;
      draft.push(token.id);
    }
    return draft;
  }

  /** The next draft is longer after one that was accepted whole, and shorter after any other (the heuristic of Hugging Face's assisted generation). */
  verified(drafted: number, accepted: number): void {
    this.#drafted += drafted;
    this.#accepted += accepted;
    this.#length =
      accepted === drafted ? Math.min(this.#length + 2, this.#limits.tokens) : Math.max(1, this.#length - 1);
  }

  /** The work of the small model. What it drew and the big model did not write is discarded. */
  get work(): EngineWork {
    const work = this.#sequence?.work ?? NO_WORK;
    return {
      ...work,
      discarded: work.decoded - this.#accepted,
      drafted: this.#drafted,
      accepted: this.#accepted,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#sequence?.close();
  }

  /** Makes the sequence hold `ids` and nothing else. Undefined if they do not fit. */
  async #catchUp(ids: readonly TokenId[]): Promise<Sequence | undefined> {
    this.#sequence ??= await this.#engine.open(undefined, this.#signal);
    const sequence = this.#sequence;
    let common = 0;
    while (common < this.#ids.length && this.#ids[common] === ids[common]) common++;
    if (common < this.#ids.length) await sequence.truncate(common);
    this.#ids.length = common;
    const unread = ids.slice(common);
    if (unread.length === 0) return sequence;
    const { vocabulary } = this.#engine;
    const { status } = await sequence.append(
      [{ text: "", tokens: { vocabulary, ids: unread } }],
      this.#signal,
    );
    if (status === "context-full") return undefined;
    for (const id of unread) this.#ids.push(id);
    return sequence;
  }
}
