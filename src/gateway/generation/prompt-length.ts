/** Enforces the operator's limit on prompts. The models report their own limits. */
import type { Pair } from "../../decode/pair/pair.ts";
import type { GatewayConfig } from "../config/config.ts";
import { GatewayError } from "../failures/gateway-error.ts";
import { healthOf } from "../guard/guarded-engine.ts";
import type { GenerationRequest } from "../request/generation-request.ts";

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
