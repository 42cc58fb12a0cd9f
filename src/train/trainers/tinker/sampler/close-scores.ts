/**
 * The controlling prefill on a server that has no call for it. A forward pass whose target is the watched tag at *every* position tells how
 * likely the tag comes next everywhere, for one pass over the context. A second pass, with the text's own tokens as targets, tells where
 * another token is likelier. Where neither settles it, one token is drawn at temperature 0.
 */
import { type TokenId, tokenId } from "../../../../core/ids.ts";
import type { ScoreRequest, TokenScore } from "../../../../engines/token-backend.ts";
import type { PolicySource, TargetQuestion } from "./policy-source.ts";

/** @param ids The whole context. @param from Index of the first token that is asked about. */
export async function scoreTargets(
  source: PolicySource,
  ids: readonly TokenId[],
  from: number,
  { watch, tokenLogprobs }: ScoreRequest,
  other: TokenId,
): Promise<TokenScore[]> {
  const own: TargetQuestion = { tokens: ids, targets: ids.map((id, at) => ids[at + 1] ?? id) };
  const watched = watch.map((id): TargetQuestion => ({ tokens: ids, targets: ids.map(() => id) }));
  const [ownLogprobs, ...watchLogprobs] = await source.logprobs([own, ...watched]);
  const places = ids.slice(from).map((_, index) => {
    const at = from + index;
    const logprobs = watchLogprobs.map((list) => list[at] ?? Number.NaN);
    // The token after the last one is not known: nothing rules out the watched tag there.
    const next = ids[at + 1];
    const nextLogprob =
      next === undefined || watch.includes(next) ? -Infinity : (ownLogprobs?.[at] ?? -Infinity);
    return { at, logprobs, likeliest: decide(logprobs, nextLogprob) };
  });
  const argmaxes = await Promise.all(
    places.map(async ({ at, likeliest }) => {
      if (likeliest !== "unclear") return likeliest === "other" ? other : (watch[likeliest] ?? other);
      return greedyAfter(source, ids.slice(0, at + 1), other);
    }),
  );
  return places.map(({ at, logprobs }, index) => ({
    argmax: argmaxes[index] ?? other,
    watchLogprobs: logprobs,
    ...(tokenLogprobs && at > 0 ? { tokenLogprob: ownLogprobs?.[at - 1] ?? Number.NaN } : {}),
  }));
}

/** Which of the watched is the single likeliest next token, as far as these probabilities tell. */
function decide(logprobs: readonly number[], next: number): number | "other" | "unclear" {
  let best = -1;
  for (const [index, logprob] of logprobs.entries())
    if (logprob > (logprobs[best] ?? -Infinity)) best = index;
  const highest = logprobs[best] ?? -Infinity;
  if (highest > Math.log(0.5)) return best;
  if (best < 0 || next >= highest) return "other";
  const known = logprobs.reduce((sum, logprob) => sum + Math.exp(logprob), Math.exp(next));
  // All other tokens together are less likely.
  if (1 - known < Math.exp(highest)) return best;
  // A tag this rare is never the likeliest: some token of the vocabulary has more.
  return highest < NEVER_LIKELIEST ? "other" : "unclear";
}

/** Nats. Below one in a million, a vocabulary of at most 10^6 tokens has a likelier one. */
const NEVER_LIKELIEST = Math.log(1e-6);

async function greedyAfter(
  source: PolicySource,
  prompt: readonly TokenId[],
  other: TokenId,
): Promise<TokenId> {
  const [first] = await source.sample({
    prompt,
    maxTokens: 1,
    samples: 1,
    temperature: 0,
    topP: 1,
    seed: 0,
    stops: [],
  });
  const drawn = first?.tokens[0];
  return drawn === undefined ? other : tokenId(drawn);
}
