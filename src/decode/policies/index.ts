/** The offload policies by name. Each is one small file; the interface is `../policy.ts`. */
import { z } from "zod";

import { ConfigError } from "../../core/errors.ts";
import type { Policy } from "../policy.ts";
import { always } from "./always.ts";
import { callN, callNOptionsSchema } from "./call-n.ts";
import { cue, cueOptionsSchema } from "./cue.ts";
import { entropy, entropyOptionsSchema } from "./entropy.ts";
import { learned } from "./learned.ts";
import { logprobSelect, logprobSelectOptionsSchema } from "./logprob-select.ts";
import { never } from "./never.ts";
import { parsePolicySpec } from "./policy-spec.ts";
import { random, randomOptionsSchema } from "./random.ts";
import { rewrite, rewriteOptionsSchema } from "./rewrite.ts";
import { self } from "./self.ts";
import { stepScore, stepScoreOptionsSchema } from "./step-score.ts";

export { always } from "./always.ts";
export { type CallNOptions, callN } from "./call-n.ts";
export { type CueOptions, cue } from "./cue.ts";
export { type EntropyOptions, entropy } from "./entropy.ts";
export { learned } from "./learned.ts";
export { type LogprobSelectOptions, logprobSelect } from "./logprob-select.ts";
export { never } from "./never.ts";
export { type PolicySpec, parsePolicySpec } from "./policy-spec.ts";
export { type RandomOptions, random } from "./random.ts";
export { type RewriteOptions, rewrite } from "./rewrite.ts";
export { self } from "./self.ts";
export { type StepScoreOptions, stepScore } from "./step-score.ts";

const noOptions = z.object({}).strict();

/** Adding a policy is adding a line here. */
const POLICIES: Readonly<Record<string, (options: unknown) => Policy>> = {
  learned: (options) => (noOptions.parse(options), learned()),
  random: (options) => random(randomOptionsSchema.parse(options)),
  entropy: (options) => entropy(entropyOptionsSchema.parse(options)),
  "step-score": (options) => stepScore(stepScoreOptionsSchema.parse(options)),
  "call-n": (options) => callN(callNOptionsSchema.parse(options)),
  cue: (options) => cue(cueOptionsSchema.parse(options)),
  "logprob-select": (options) => logprobSelect(logprobSelectOptionsSchema.parse(options)),
  rewrite: (options) => rewrite(rewriteOptionsSchema.parse(options)),
  never: (options) => (noOptions.parse(options), never()),
  self: (options) => (noOptions.parse(options), self()),
  always: (options) => (noOptions.parse(options), always()),
};

export const POLICY_NAMES: readonly string[] = Object.keys(POLICIES);

/**
 * The policy that `spec` names (`entropy`, `entropy:threshold=1.2`); its options win over `options`. Throws a {@link ConfigError} that
 * lists the names known, or the option that is wrong.
 */
export function parsePolicy(spec: string, options: Readonly<Record<string, unknown>> = {}): Policy {
  const { name, options: own } = parsePolicySpec(spec);
  const create = Object.hasOwn(POLICIES, name) ? POLICIES[name] : undefined;
  if (create === undefined) {
    throw new ConfigError(`unknown policy "${name}"; known are ${POLICY_NAMES.join(", ")}.`, {
      code: "config-invalid",
    });
  }
  try {
    return create({ ...options, ...own });
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const first = error.issues[0];
    const where = first === undefined || first.path.length === 0 ? "" : `, option "${first.path.join(".")}"`;
    throw new ConfigError(`policy "${name}"${where}: ${first?.message ?? "invalid options"}.`, {
      code: "config-invalid",
      cause: error,
    });
  }
}
