/**
 * Arms of an evaluation, by name. What an arm is: who may write, decided by which policy, on which checkpoint of the small
 * model. Controls matter as much as the method: tuning costs a small model skill at the spans it hands over, so that an honest
 * gain is one over the best of `small`, `never` and `self`.
 */
import { ConfigError, errorMessage } from "../../core/errors.ts";
import { parsePolicy, parsePolicySpec } from "../../decode/index.ts";

export type ArmPolicy =
  | { readonly kind: "never" }
  | { readonly kind: "self" }
  | { readonly kind: "learned" }
  | { readonly kind: "always" }
  /** Any other policy on the tuned checkpoint, with what of its options the arm's name says. */
  | { readonly kind: "policy"; readonly name: string; readonly options: Readonly<Record<string, unknown>> }
  /** Random spans go to the big model, the tag is banned; `share` of the generated tokens. */
  | { readonly kind: "random"; readonly share: number }
  /** As `random`, with the share steered so that the measured one equals that of the arm `target`. */
  | { readonly kind: "random-matched"; readonly target: string };

export interface Arm {
  /** As the caller wrote it. */
  readonly name: string;
  /** `base`: the small model before tuning. */
  readonly checkpoint: "base" | "tuned";
  readonly policy: ArmPolicy;
}

/** Arms whose best is the control. */
export const CONTROL_ARMS: readonly string[] = ["small", "never", "self"];

export const DEFAULT_ARMS = "small,never,self,learned,random~learned,big";

const FIXED_ARMS: ReadonlyMap<string, Omit<Arm, "name">> = new Map([
  ["small", { checkpoint: "base", policy: { kind: "never" } }],
  ["never", { checkpoint: "tuned", policy: { kind: "never" } }],
  ["self", { checkpoint: "tuned", policy: { kind: "self" } }],
  ["learned", { checkpoint: "tuned", policy: { kind: "learned" } }],
  ["big", { checkpoint: "tuned", policy: { kind: "always" } }],
]);

/** Policies that are arms under their own names, with options if wanted: `entropy:threshold=1.2`. */
const POLICY_ARMS: readonly string[] = [
  "entropy",
  "step-score",
  "call-n",
  "cue",
  "logprob-select",
  "rewrite",
];

/** For help texts: each arm in one line. */
export const ARM_HELP: readonly (readonly [name: string, meaning: string])[] = [
  ["small", "the small model before tuning, alone"],
  ["never", "the tuned small model, alone, its tag banned"],
  ["self", "the tuned small model, which writes its own offloaded spans"],
  ["learned", "the tuned small model hands over where it wants to: the method"],
  ["big", "the big model alone"],
  ["entropy", "the big model writes steps whose first token the small one is unsure of (GlimpRouter)"],
  ["step-score", "the big model scores each step and writes those anew that score low (SpecReason)"],
  ["call-n", "what the small model asks for, a number of tokens each time (RelayLLM)"],
  ["cue", "some tokens of the big model where a step begins with a cue (Speculative Thinking)"],
  ["logprob-select", "of several drafts of each step the one that the big model finds likeliest"],
  ["rewrite", "the big model rewrites drafted steps from their first unlikely token on"],
  ["random:SHARE", "random spans to the big model, the tag banned, e.g. random:0.05"],
  ["random~ARM", "as random, with the share of tokens matched to that of ARM, e.g. random~learned"],
];

/**
 * Parses a comma-separated list.
 * @throws ConfigError on an unknown or repeated arm, a share that is none, or a match to an arm that is not in the list.
 */
export function parseArms(list: string): readonly Arm[] {
  const arms = list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "")
    .map(parseArm);
  if (arms.length === 0) throw usage(`no arms given; arms: ${armNames()}.`);
  for (const [index, arm] of arms.entries()) {
    if (arms.findIndex(({ name }) => name === arm.name) !== index)
      throw usage(`arm ${arm.name} is given twice.`);
    if (arm.policy.kind === "random-matched") requireTarget(arm.name, arm.policy.target, arms);
  }
  return arms;
}

function parseArm(name: string): Arm {
  const fixed = FIXED_ARMS.get(name);
  if (fixed !== undefined) return { name, ...fixed };
  const [, kind, argument = ""] = /^random([:~])(.+)$/u.exec(name) ?? [];
  if (kind === "~")
    return { name, checkpoint: "tuned", policy: { kind: "random-matched", target: argument } };
  if (kind === ":") {
    const share = Number(argument);
    if (!(share >= 0 && share <= 1)) {
      throw usage(`arm ${JSON.stringify(name)}: the share must be a number from 0 to 1, as in random:0.05.`);
    }
    return { name, checkpoint: "tuned", policy: { kind: "random", share } };
  }
  const policy = POLICY_ARMS.find((known) => name === known || name.startsWith(`${known}:`));
  if (policy !== undefined) return parsePolicyArm(name);
  throw usage(`unknown arm ${JSON.stringify(name)}; arms: ${armNames()}.`);
}

function parsePolicyArm(arm: string): Arm {
  try {
    parsePolicy(arm);
    const { name, options } = parsePolicySpec(arm);
    return { name: arm, checkpoint: "tuned", policy: { kind: "policy", name, options } };
  } catch (error) {
    throw usage(`arm ${JSON.stringify(arm)}: ${errorMessage(error)}`);
  }
}

function requireTarget(name: string, target: string, arms: readonly Arm[]): void {
  const found = arms.find((arm) => arm.name === target);
  if (found === undefined) {
    throw usage(`arm ${name} is matched to ${JSON.stringify(target)}, which is not among the arms; add it.`);
  }
  if (found.policy.kind === "random-matched") {
    throw usage(`arm ${name} is matched to ${target}, which is itself matched; choose an arm that is not.`);
  }
}

/** Of the decoder's policies, the one that an arm runs. */
export function policyNameOf({ policy }: Arm): string {
  if (policy.kind === "policy") return policy.name;
  return policy.kind === "random-matched" ? "random" : policy.kind;
}

const armNames = (): string =>
  `${ARM_HELP.map(([name]) => name).join(", ")}; ${POLICY_ARMS.join(", ")} with options if wanted, as in entropy:threshold=1.2`;

const usage = (message: string): ConfigError => new ConfigError(message, { code: "usage" });
