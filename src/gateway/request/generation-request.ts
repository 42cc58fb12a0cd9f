/** What a client asked for, in the terms of the decoder: every field decided, nothing of the wire left. */
import type { Dial, Policy } from "../../decode/index.ts";
import type { PairPrompt } from "../../decode/pair/pair.ts";

export interface GenerationRequest {
  /** As the client wrote it. */
  readonly model: string;
  readonly policy: Policy;
  readonly dial: Dial;
  readonly temperature: number;
  readonly topP?: number;
  /** The request's, or drawn for it; choices derive theirs. */
  readonly seed: number;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** One for a chat; a text completion may have several. */
  readonly prompts: readonly PairPrompt[];
  /** The field of the request that holds the prompt. */
  readonly promptField: "messages" | "prompt";
  /** Choices for each prompt. */
  readonly n: number;
  /** Undefined: one answer when all is written. */
  readonly stream: { readonly includeUsage: boolean } | undefined;
  readonly authors: boolean;
  /** `none`: the protocol has one text only. */
  readonly reasoning: "separate" | "inline" | "none";
  /** Whether the request itself sets a limit on the big model's part, which writing all of it would break. */
  readonly capsBig: boolean;
  /** Whether it asks for the small model by name, so that no other may stand in. */
  readonly smallOnly: boolean;
}
