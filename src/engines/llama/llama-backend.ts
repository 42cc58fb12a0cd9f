/** The {@link TokenBackend} of one llama.cpp sequence: draws tokens, scores them, and copies its cache. */
import type { ControlledEvaluateInputItem, Token } from "node-llama-cpp";

import { tokenId, type TokenId } from "../../core/ids.ts";
import { throwIfAborted } from "../cancellation.ts";
import type { Drawer, DrawRequest, ScoreRequest, TokenBackend, TokenScore } from "../token-backend.ts";
import { asTokens, LlamaCache } from "./llama-cache.ts";
import { createDrawer } from "./llama-drawers.ts";

/** Most bytes of logits in one call that scores. More positions at once cost memory and save little time. */
const SCORED_LOGITS_BYTES = 32 * 1024 * 1024;

export class LlamaBackend extends LlamaCache implements TokenBackend {
  get drafts(): boolean {
    return this.internals !== undefined;
  }

  drawer(request: DrawRequest): Drawer {
    return createDrawer(this, request);
  }

  async score(
    ids: readonly TokenId[],
    from: number,
    request: ScoreRequest,
    signal?: AbortSignal,
  ): Promise<TokenScore[]> {
    const { vocabularySize, batchSize, model } = this.shared;
    const most = Math.max(1, Math.min(batchSize, Math.floor(SCORED_LOGITS_BYTES / (4 * vocabularySize))));
    // The token before the first new one gives the prediction for it.
    const first = request.tokenLogprobs && from > 0 ? from - 1 : from;
    await this.read(ids.slice(this.length, first), signal);
    const scores: TokenScore[] = [];
    let tokenLogprob: number | undefined;
    for (let start = first; start < ids.length; start += most) {
      throwIfAborted(model, signal);
      const end = Math.min(start + most, ids.length);
      const input: ControlledEvaluateInputItem[] = [];
      for (let index = start; index < end; index++) input.push(scoredItem(ids, index, request));
      const results = await this.call(() => this.sequence.controlledEvaluate(input));
      for (let index = start; index < end; index++) {
        const next = results[index - start]?.next;
        const argmax = next?.token;
        const weight = next?.totalLogitWeight;
        const logits = next?.logits;
        if (argmax === undefined || argmax === null || weight === undefined || logits === undefined)
          throw new Error("a scored token has no logits");
        const normalizer = (logits.get(argmax) ?? NaN) + Math.log(weight);
        const logprobOf = (id: TokenId) => (logits.get(id as number as Token) ?? NaN) - normalizer;
        if (index >= from) {
          scores.push({
            argmax: tokenId(argmax),
            watchLogprobs: request.watch.map(logprobOf),
            ...(tokenLogprob === undefined ? {} : { tokenLogprob }),
          });
        }
        const following = ids[index + 1];
        tokenLogprob = request.tokenLogprobs && following !== undefined ? logprobOf(following) : undefined;
      }
    }
    return scores;
  }

  async fork(): Promise<LlamaBackend> {
    const copy = new LlamaBackend(this.shared);
    // If that fails, the copy reads its text again when it has to.
    if (this.length > 0 && (await copy.copyFrom(this, this.length))) copy.beginning = this.beginning;
    return copy;
  }
}

function scoredItem(
  ids: readonly TokenId[],
  index: number,
  request: ScoreRequest,
): ControlledEvaluateInputItem {
  const following = request.tokenLogprobs ? ids[index + 1] : undefined;
  const tokens = following === undefined ? request.watch : [...request.watch, following];
  return [
    ids[index] as number as Token,
    {
      generateNext: {
        token: true,
        totalLogitWeight: true,
        // At temperature 0 the selected token is the most likely one: the library's `includeMax` is broken (3.22.1).
        logits: { filter: { tokens: asTokens(tokens), includeSelected: true } },
        options: { temperature: 0 },
      },
    },
  ];
}
