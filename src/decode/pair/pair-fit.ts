/** Says whether two models can carry a policy out, before anything is decoded. */
import { ConfigError } from "../../core/errors.ts";
import type { Engine } from "../../engines/engine.ts";
import { otherTags, type TagPair } from "../../tags/index.ts";
import type { Policy } from "../policies/policy.ts";

export interface ModelPair {
  readonly small: Engine;
  /** May be left out for policies that use the small model alone. */
  readonly big?: Engine;
}

/** @throws ConfigError `pair-mismatch`, with what to do instead. */
export function requireFit({ small, big }: ModelPair, policy: Policy, tags: TagPair): void {
  const fail = (message: string): never => {
    throw new ConfigError(message, { code: "pair-mismatch" });
  };
  if (policy.uses !== "small" && big === undefined) {
    fail(`policy "${policy.name}" needs a big model; give one, or use never or self.`);
  }
  requireNeeds({ small, ...(big === undefined ? {} : { big }) }, policy, fail);
  if (!policy.needsTags) return;
  const unknown = [tags.open, tags.close].filter((tag) => !small.capabilities.isControlToken(tag));
  if (unknown.length > 0) {
    const advice = otherTags({
      model: small.model,
      isControlToken: small.capabilities.isControlToken,
      template: small.chatTemplate,
    });
    fail(
      `policy "${policy.name}" needs ${unknown.join(" and ")} as control tokens, which ${small.model} does not have; ` +
        (advice === "" ? "" : `${advice}; `) +
        `give a small model tuned with them (splitreason train sft), or use the policy random, never or always; for a model on a server ` +
        `whose vocabulary is not known here, give tokenizer=PATH in its engine spec (docs/engines.md).`,
    );
  }
  if (!small.capabilities.logitBias) {
    fail(
      `policy "${policy.name}" has to forbid tags at times, and the engine of ${small.model} has no logit bias; ` +
        `use another dialect or give tokenizer=PATH in its engine spec (docs/engines.md), or use the policy random, never or always.`,
    );
  }
}

function requireNeeds(
  { small, big }: ModelPair,
  { name, needs }: Policy,
  fail: (message: string) => never,
): void {
  if (needs?.entropy === true && small.capabilities.entropy === false) {
    fail(
      `policy "${name}" needs the entropy of the small model's next token, which the engine of ${small.model} does not report; ` +
        `load the small model in this process (gguf:PATH), or use the policy step-score, cue or random.`,
    );
  }
  if (needs?.tokenLogprobs === true && big !== undefined && big.capabilities.scores === "probe") {
    fail(
      `policy "${name}" needs to know how likely the big model finds each token that it reads, which the engine of ${big.model} does not ` +
        `report; load the big model in this process (gguf:PATH), use a server whose dialect scores prompts (docs/engines.md), or use ` +
        `step-score:scorer=prompt, cue or random.`,
    );
  }
  if (needs?.drafts === true && big !== undefined) requireDrafts(small, big, name, fail);
  if (needs?.forbidding === true && !small.capabilities.logitBias) {
    fail(
      `policy "${name}" has to forbid a refused request, and the engine of ${small.model} has no logit bias; ` +
        `use another dialect or give tokenizer=PATH in its engine spec (docs/engines.md), or use the policy cue or random.`,
    );
  }
}

function requireDrafts(small: Engine, big: Engine, policy: string, fail: (message: string) => never): void {
  for (const { capabilities, model } of [small, big]) {
    if (capabilities.drafts === true) continue;
    fail(
      `policy "${policy}" needs both models in this process (gguf:PATH), which ${model} is not; a server drafts by itself: start vLLM with ` +
        `--speculative-config, llama-server with --model-draft, and run the policy always (the arm big) on it.`,
    );
  }
  if (small.vocabulary === big.vocabulary) return;
  fail(
    `policy "${policy}" needs two models with one vocabulary: the tokens that ${small.model} guesses are not those of ${big.model}; ` +
      `give a small model of the same family without added tokens, or use the policy always (the arm big).`,
  );
}
