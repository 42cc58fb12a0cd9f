/** The {@link TokenBackend} of one llama.cpp sequence: draws tokens, scores them, and copies its cache. */
import type { ControlledEvaluateInputItem, Token } from "node-llama-cpp";

import { tokenId, type TokenId } from "../../core/ids.ts";
import { throwIfAborted } from "../cancellation.ts";
import type { Drawer, DrawRequest, ScoreRequest, TokenBackend, TokenScore } from "../token-backend.ts";
import type { NativeSampler } from "./internals.ts";
import { asTokens, LlamaCache } from "./llama-cache.ts";
import { createDrawer } from "./llama-drawers.ts";
import { readLogprobs, type Logprobs } from "./native-sampling.ts";

/** Most bytes of logits in one call that scores. More positions at once cost memory and save little time. */
const SCORED_LOGITS_BYTES = 32 * 1024 * 1024;

export class LlamaBackend extends LlamaCache implements TokenBackend {
  /** Reads log-probabilities. One sampler has room for all candidates of the vocabulary, so it is kept. */
  #greedy: NativeSampler | undefined;

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
      const wanted = Array.from({ length: end - start }, (_, at) => wantedAfter(ids, start + at, request));
      const results = await this.call(() => this.#readScored(ids.slice(start, end), wanted));
      for (const [at, { argmax, logprobOf }] of results.entries()) {
        const index = start + at;
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

  /** Reads tokens, and the log-probabilities that are wanted after each. */
  async #readScored(
    ids: readonly TokenId[],
    wanted: readonly (readonly TokenId[])[],
  ): Promise<readonly Logprobs[]> {
    const { internals } = this;
    if (internals === undefined) return this.#readByLibrary(ids, wanted);
    const greedy = (this.#greedy ??= internals.createSampler());
    greedy.applyConfig({ temperature: 0 });
    let at = 0;
    return internals.decodeEach(ids, (logitIndex) =>
      readLogprobs(internals, greedy, logitIndex, wanted[at++] ?? []),
    );
  }

  /** The same through the documented interface, with a sampler of its own for each token. */
  async #readByLibrary(
    ids: readonly TokenId[],
    wanted: readonly (readonly TokenId[])[],
  ): Promise<readonly Logprobs[]> {
    const input = ids.map((id, at) => scoredItem(id, wanted[at] ?? []));
    const results = await this.sequence.controlledEvaluate(input);
    return results.map((result) => {
      const { token: argmax, totalLogitWeight: weight, logits } = result?.next ?? {};
      if (argmax === undefined || argmax === null || weight === undefined || logits === undefined)
        throw new Error("a scored token has no logits");
      const normalizer = (logits.get(argmax) ?? NaN) + Math.log(weight);
      return { argmax, logprobOf: (token) => (logits.get(token as Token) ?? NaN) - normalizer };
    });
  }

  override async close(): Promise<void> {
    this.#greedy?.dispose();
    this.#greedy = undefined;
    await super.close();
  }

  async fork(): Promise<LlamaBackend> {
    const copy = new LlamaBackend(this.shared);
    // If that fails, the copy reads its text again when it has to.
    if (this.length > 0 && (await copy.copyFrom(this, this.length))) copy.beginning = this.beginning;
    return copy;
  }
}

/** The tokens whose log-probabilities are wanted after the token at an index. */
function wantedAfter(
  ids: readonly TokenId[],
  index: number,
  { watch, tokenLogprobs }: ScoreRequest,
): readonly TokenId[] {
  const following = tokenLogprobs ? ids[index + 1] : undefined;
  return following === undefined ? watch : [...watch, following];
}

function scoredItem(id: TokenId, wanted: readonly TokenId[]): ControlledEvaluateInputItem {
  return [
    id as number as Token,
    {
      generateNext: {
        token: true,
        totalLogitWeight: true,
        // At temperature 0 the selected token is the most likely one: the library's `includeMax` is broken (3.22.1).
        logits: { filter: { tokens: asTokens(wanted), includeSelected: true } },
        options: { temperature: 0 },
      },
    },
  ];
}
