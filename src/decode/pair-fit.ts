/** Whether two models can carry a policy out, known before anything is decoded. */
import { ConfigError } from "../core/errors.ts";
import type { Engine } from "../engines/engine.ts";
import type { TagPair } from "../tags/grammar.ts";
import type { Policy } from "./policy.ts";

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
  if (!policy.needsTags) return;
  const unknown = [tags.open, tags.close].filter((tag) => !small.capabilities.isControlToken(tag));
  if (unknown.length > 0) {
    fail(
      `policy "${policy.name}" needs ${unknown.join(" and ")} as control tokens, which ${small.model} does not have; ` +
        `give a small model tuned with them (splitreason train sft), or use the policy random, never or always; for a model behind HTTP ` +
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
