/** Chooses the pairs of arms that an evaluation compares: those whose difference says something. */
import { policyFacts } from "../../decode/index.ts";
import { type Arm, CONTROL_ARMS, modelsOf, policyNameOf } from "./arms.ts";

/** The best of the control arms; the first one of equals. */
export function bestControl(
  arms: readonly { readonly name: string; readonly accuracy: number }[],
): string | undefined {
  return arms
    .filter(({ name }) => CONTROL_ARMS.includes(name))
    .reduce<(typeof arms)[number] | undefined>(
      (best, arm) => (best === undefined || arm.accuracy > best.accuracy ? arm : best),
      undefined,
    )?.name;
}

/**
 * First `learned` minus each that says whether it is worth it: the control, random arms, the big model, other policies. Then each other
 * policy of two models minus the control, minus the random arm that is matched to it, and minus the big model.
 */
export function comparedPairs(
  all: readonly Arm[],
  control: string | undefined,
): readonly (readonly [first: string, second: string])[] {
  const arms = all.filter((arm) => !isCopy(arm, all));
  const pairs: (readonly [string, string])[] = [];
  const policies = arms.filter(isPolicyOfTwo);
  if (arms.some(({ name }) => name === "learned")) {
    for (const arm of arms) {
      if (arm.name === "learned" || (CONTROL_ARMS.includes(arm.name) && arm.name !== control)) continue;
      pairs.push(["learned", arm.name]);
    }
  }
  for (const { name } of policies) {
    if (name === "learned") continue;
    for (const other of arms) {
      const isOwnRandom = other.policy.kind === "random-matched" && other.policy.target === name;
      if (other.name === control || isOwnRandom || modelsOf(other) === "big") pairs.push([name, other.name]);
    }
  }
  return pairs;
}

/** Whether another arm has the same answers, because both write the same text. */
function isCopy(arm: Arm, arms: readonly Arm[]): boolean {
  const copied = policyFacts(policyNameOf(arm))?.copies;
  return copied !== undefined && arms.some((other) => policyNameOf(other) === copied);
}

/** Whether something other than chance decides which of two models writes. */
function isPolicyOfTwo(arm: Arm): boolean {
  return arm.policy.kind === "policy" && modelsOf(arm) === "pair";
}
