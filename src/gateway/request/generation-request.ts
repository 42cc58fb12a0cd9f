/** A request in the terms of the decoder. Every field is decided, and nothing of the wire format is left. */
import type { Dial, Policy } from "../../decode/index.ts";
import type { PairPrompt } from "../../decode/pair/pair.ts";

export interface GenerationRequest {
  /** The name that the client sent. */
  readonly model: string;
  readonly policy: Policy;
  readonly dial: Dial;
  readonly temperature: number;
  readonly topP?: number;
  /** The request's seed, or one drawn for it. Choices derive theirs from it. */
  readonly seed: number;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** One for a chat; a text completion may have several. */
  readonly prompts: readonly PairPrompt[];
  /** The field of the request that holds the prompt. */
  readonly promptField: string;
  /** Choices for each prompt. */
  readonly n: number;
  /** Undefined for one answer at the end. */
  readonly stream: { readonly includeUsage: boolean } | undefined;
  readonly authors: boolean;
  /** `none` where the protocol has one text only. */
  readonly reasoning: "separate" | "inline" | "none";
  /** Whether the request limits the big model's part, so that the big model cannot write alone. */
  readonly capsBig: boolean;
  /** Whether the request asks for the small model by name, so that the big one cannot stand in. */
  readonly smallOnly: boolean;
}
