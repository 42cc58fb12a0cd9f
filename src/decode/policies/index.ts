/** The offload policies by name. Each is one small file; the interface is `./policy.ts`. */
import { z } from "zod";

import { schemaFaults } from "../../core/schema-faults.ts";
import { ConfigError } from "../../core/errors.ts";
import type { Policy } from "./policy.ts";
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

interface PolicyEntry {
  readonly options: z.ZodType;
  create(options: unknown): Policy;
}

const entry = <Schema extends z.ZodType>(
  options: Schema,
  create: (options: z.output<Schema>) => Policy,
): PolicyEntry => ({ options, create: (given) => create(options.parse(given)) });

/** Adding a policy is adding a line here. */
const POLICIES: Readonly<Record<string, PolicyEntry>> = {
  learned: entry(noOptions, learned),
  random: entry(randomOptionsSchema, random),
  entropy: entry(entropyOptionsSchema, entropy),
  "step-score": entry(stepScoreOptionsSchema, stepScore),
  "call-n": entry(callNOptionsSchema, callN),
  cue: entry(cueOptionsSchema, cue),
  "logprob-select": entry(logprobSelectOptionsSchema, logprobSelect),
  rewrite: entry(rewriteOptionsSchema, rewrite),
  never: entry(noOptions, never),
  self: entry(noOptions, self),
  always: entry(noOptions, always),
};

export const POLICY_NAMES: readonly string[] = Object.keys(POLICIES);

/**
 * The policy that `spec` names (`entropy`, `entropy:threshold=1.2`); its options win over `options`. Throws a {@link ConfigError} that
 * lists the names known, or the option that is wrong.
 */
export function parsePolicy(spec: string, options: Readonly<Record<string, unknown>> = {}): Policy {
  const { name, options: own } = parsePolicySpec(spec);
  const policy = Object.hasOwn(POLICIES, name) ? POLICIES[name] : undefined;
  if (policy === undefined) {
    throw new ConfigError(`unknown policy "${name}"; known are ${POLICY_NAMES.join(", ")}.`, {
      code: "config-invalid",
    });
  }
  const given = { ...options, ...own };
  try {
    return policy.create(given);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const [fault = { path: "", text: "invalid options" }] = schemaFaults(
      error,
      policy.options,
      given,
      "option",
    );
    const where = fault.path === "" ? "" : `, option "${fault.path}"`;
    throw new ConfigError(`policy "${name}"${where}: ${fault.text}.`, {
      code: "config-invalid",
      cause: error,
    });
  }
}
