/** Starts one choice. When the small model is down, the big one may stand in for both. */
import type { Clock } from "../../core/clock.ts";
import { always, type Policy, SplitDecoder, type SplitEvent } from "../../decode/index.ts";
import type { Pair, PairPrompt } from "../../decode/pair/pair.ts";
import { decodingOptions } from "../../decode/pair/pair-config.ts";
import type { GatewayConfig } from "../config/config.ts";
import { isModelFailure, GatewayError } from "../failures/gateway-error.ts";
import { healthOf } from "../guard/guarded-engine.ts";
import type { GenerationRequest } from "../request/generation-request.ts";
import { choiceSeed } from "../request/plan.ts";
import type { StartedChoice } from "./choice.ts";

export interface ChoiceContext {
  readonly pair: Pair;
  readonly clock: Clock;
  readonly whenSmallIsDown: "fail" | "big";
  readonly signal: AbortSignal;
}

/**
 * Resolves when the prompt has been read.
 * @throws EngineError or ConfigError when the generation cannot begin.
 */
export async function startChoice(
  request: GenerationRequest,
  prompt: PairPrompt,
  index: number,
  context: ChoiceContext,
): Promise<StartedChoice> {
  const { pair } = context;
  const { policy } = request;
  const canStandIn =
    context.whenSmallIsDown === "big" &&
    policy.uses !== "big" &&
    pair.big !== undefined &&
    !request.smallOnly &&
    !request.capsBig;
  if (!canStandIn) return start(request, prompt, index, policy, undefined, context);
  const degraded = `${pair.small.model} is away; ${pair.big.model} wrote alone.`;
  if (healthOf(pair.small) === "down") return start(request, prompt, index, always(), degraded, context);
  try {
    return await start(request, prompt, index, policy, undefined, context);
  } catch (error) {
    if (!isModelFailure(error)) throw error;
    return start(request, prompt, index, always(), degraded, context);
  }
}

async function start(
  request: GenerationRequest,
  prompt: PairPrompt,
  index: number,
  policy: Policy,
  degraded: string | undefined,
  { pair, clock, signal }: ChoiceContext,
): Promise<StartedChoice> {
  const seed = choiceSeed(request.seed, index);
  const { temperature, topP, dial, maxTokens, stop } = request;
  const stream = new SplitDecoder(pair, { clock }).decode({
    ...prompt,
    policy,
    limits: { maxTokens },
    sampling: { temperature, ...(topP === undefined ? {} : { topP }), seed },
    dial,
    options: decodingOptions(pair.config),
    stop,
    signal,
  });
  const iterator = stream[Symbol.asyncIterator]();
  const first = await iterator.next();
  return {
    index,
    policy: policy.name,
    prompt: policy.uses === "big" ? (prompt.promptForBig ?? prompt.prompt) : prompt.prompt,
    seed: index === 0 ? request.seed : seed,
    events: resumed(first, iterator),
    degraded,
  };
}

/** The rest of a stream whose first event has been taken. */
function resumed(
  first: IteratorResult<SplitEvent>,
  rest: AsyncIterator<SplitEvent>,
): AsyncIterable<SplitEvent> {
  let next: IteratorResult<SplitEvent> | undefined = first;
  const iterator: AsyncIterator<SplitEvent> = {
    next: () => {
      if (next === undefined) return rest.next();
      const taken = next;
      next = undefined;
      return Promise.resolve(taken);
    },
    return: async () => (await rest.return?.()) ?? { value: undefined, done: true },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

/** @throws GatewayError 400 `context_length_exceeded`. */
export async function checkPromptLength(
  { prompts, policy, promptField }: GenerationRequest,
  { pair, config }: { readonly pair: Pair; readonly config: GatewayConfig },
): Promise<void> {
  const limit = config.limits.promptTokens;
  if (limit === undefined) return;
  const isBigs =
    policy.uses === "big" || (config.whenSmallIsDown === "big" && healthOf(pair.small) === "down");
  const engine = isBigs ? (pair.big ?? pair.small) : pair.small;
  for (const { prompt, promptForBig } of prompts) {
    const tokens = await engine.countTokens(engine === pair.small ? prompt : (promptForBig ?? prompt));
    if (tokens <= limit) continue;
    throw new GatewayError(
      "prompt-too-long",
      `${promptField}: the prompt has ${tokens} tokens; this gateway reads at most ${limit} (limits.promptTokens).`,
      { param: promptField },
    );
  }
}
