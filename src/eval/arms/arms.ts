/**
 * Arms of an evaluation, by name. An arm is a policy, which decides who writes, on a checkpoint of the small model. Controls matter as much as
 * the method. Tuning costs a small model skill at the spans that it hands over, so only a gain over the best of `small`, `never` and `self` counts.
 */
import { ConfigError, errorMessage } from "../../core/errors.ts";
import {
  parsePolicy,
  parsePolicySpec,
  POLICY_FACTS,
  type PolicyFacts,
  policyFacts,
} from "../../decode/index.ts";

export type ArmPolicy =
  /** A policy of the decoder, with the options that the arm's name sets. */
  | { readonly kind: "policy"; readonly name: string; readonly options: Readonly<Record<string, unknown>> }
  /** Random spans go to the big model, `share` of the generated tokens. The tags are forbidden. */
  | { readonly kind: "random"; readonly share: number }
  /** Like `random`, with a share that follows the measured share of the arm `target`. */
  | { readonly kind: "random-matched"; readonly target: string };

export interface Arm {
  /** The name as the caller wrote it. */
  readonly name: string;
  /** `base`: the small model before tuning. */
  readonly checkpoint: "base" | "tuned";
  readonly policy: ArmPolicy;
}

/** The arms whose best one is the control. */
export const CONTROL_ARMS: readonly string[] = ["small", "never", "self"];

export const DEFAULT_ARMS = "small,never,self,learned,random~learned,big";

/** Tokens in a row by one author in random arms (Paper 4: 32). */
export const DEFAULT_RANDOM_CHUNK = 32;

/** The policies that are arms, on the tuned checkpoint. */
const POLICY_ARMS: ReadonlyMap<string, PolicyFacts> = new Map(
  POLICY_FACTS.flatMap((facts) => (facts.arm === undefined ? [] : [[facts.arm, facts] as const])),
);

/** Controls first, then the policies in their order. */
const NAMED_ARMS: readonly string[] = [...new Set([...CONTROL_ARMS, ...POLICY_ARMS.keys()])];

const SMALL_SUMMARY = "the small model before tuning, alone";

/** One line for each arm, for help texts. */
export const ARM_HELP: readonly (readonly [name: string, meaning: string])[] = [
  ...NAMED_ARMS.map((name) => [name, POLICY_ARMS.get(name)?.summary ?? SMALL_SUMMARY] as const),
  ["random:SHARE", "random spans to the big model, the tags forbidden, e.g. random:0.05"],
  ["random~ARM", "as random, with the share of tokens matched to that of ARM, e.g. random~learned"],
];

/**
 * Expands `all` in a list of arms, separated by commas. It stands for each arm with a name of its own, then the random one matched to the
 * method, then the big model. Arms named besides it are not repeated.
 * @param unfit Arms that `all` leaves out.
 */
export function expandArms(list: string, unfit: readonly string[] = []): string {
  const names = list.split(",").map((name) => name.trim());
  const named = NAMED_ARMS.filter((name) => name !== "big" && !unfit.includes(name));
  const all = [...named, "random~learned", "big"];
  const expanded = names.flatMap((name) => (name === "all" ? all : [name]));
  return names.includes("all") ? [...new Set(expanded)].join(",") : list;
}

/**
 * Parses a comma-separated list.
 * @throws ConfigError on an unknown or repeated arm, a wrong share, or a match to an arm that is not in the list.
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
  if (name === "small") {
    return { name, checkpoint: "base", policy: { kind: "policy", name: "never", options: {} } };
  }
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
  const facts = POLICY_ARMS.get(name.split(":", 1)[0] ?? "");
  if (facts === undefined) throw usage(`unknown arm ${JSON.stringify(name)}; arms: ${armNames()}.`);
  return { name, checkpoint: "tuned", policy: policyOfArm(name, facts) };
}

function policyOfArm(arm: string, { name, arm: armName = "" }: PolicyFacts): ArmPolicy {
  try {
    const { options } = parsePolicySpec(`${name}${arm.slice(armName.length)}`);
    parsePolicy(name, options);
    return { kind: "policy", name, options };
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

/** The decoder's policy that an arm runs. */
export const policyNameOf = ({ policy }: Arm): string => (policy.kind === "policy" ? policy.name : "random");

/** The models that take part in an arm. */
export const modelsOf = (arm: Arm): PolicyFacts["uses"] => policyFacts(policyNameOf(arm))?.uses ?? "pair";

const armNames = (): string =>
  `${ARM_HELP.map(([name]) => name).join(", ")}; policies with options if wanted, as in entropy:threshold=1.2`;

const usage = (message: string): ConfigError => new ConfigError(message, { code: "usage" });
