/**
 * The offload policies by name. A policy is one small file beside this one and its line in {@link POLICIES}; its file says all that is known
 * about it (`policy-kind.ts`). Not here: how a plan is carried out (`../segments`, `../steps`). Anyone above the engines may ask.
 */
import { z } from "zod";

import { ConfigError } from "../../core/errors.ts";
import { schemaFaults } from "../../core/schema-faults.ts";
import { always } from "./always.ts";
import { callN } from "./call-n.ts";
import { cue } from "./cue.ts";
import { entropy } from "./entropy.ts";
import { learned } from "./learned.ts";
import { logprobSelect } from "./logprob-select.ts";
import { never } from "./never.ts";
import type { Policy } from "./policy.ts";
import { listOptions, type PolicyFacts, type PolicyKind } from "./policy-kind.ts";
import { type PolicySpec, splitPolicySpec } from "./policy-spec.ts";
import { random } from "./random.ts";
import { rewrite } from "./rewrite.ts";
import { self } from "./self.ts";
import { speculative } from "./speculative.ts";
import { stepScore } from "./step-score.ts";

/** In the order in which help texts and messages name them. Adding a policy is adding a line here. */
const POLICIES: readonly PolicyKind[] = [
  learned,
  random,
  entropy,
  stepScore,
  callN,
  cue,
  logprobSelect,
  rewrite,
  never,
  self,
  speculative,
  always,
];

const BY_NAME: ReadonlyMap<string, PolicyKind> = new Map(POLICIES.map((kind) => [kind.facts.name, kind]));

export const POLICY_FACTS: readonly PolicyFacts[] = POLICIES.map(({ facts }) => facts);

export const POLICY_NAMES: readonly string[] = POLICY_FACTS.map(({ name }) => name);

/** The facts of the policy of this name; undefined where there is none. */
export const policyFacts = (name: string): PolicyFacts | undefined => BY_NAME.get(name)?.facts;

/** The names of a policy's options; none where there is no such policy. */
export const policyOptionNames = (name: string): readonly string[] =>
  Object.keys(BY_NAME.get(name)?.options.shape ?? {});

/** @throws ConfigError on an option without a value, or given twice. An unknown name is not looked at. */
export const parsePolicySpec = (spec: string): PolicySpec =>
  splitPolicySpec(spec, (name) => {
    const kind = BY_NAME.get(name);
    return kind === undefined ? new Set() : listOptions(kind);
  });

/**
 * The policy that `spec` names (`entropy`, `entropy:threshold=1.2`); its options win over `options`. Throws a {@link ConfigError} that
 * lists the names known, or the option that is wrong.
 */
export function parsePolicy(spec: string, options: Readonly<Record<string, unknown>> = {}): Policy {
  const { name, options: own } = parsePolicySpec(spec);
  const kind = BY_NAME.get(name);
  if (kind === undefined) {
    throw new ConfigError(`unknown policy "${name}"; known are ${POLICY_NAMES.join(", ")}.`, {
      code: "config-invalid",
    });
  }
  const given = { ...options, ...own };
  try {
    return kind.make(given);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const [fault = { path: "", text: "invalid options" }] = schemaFaults(
      error,
      kind.options,
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
