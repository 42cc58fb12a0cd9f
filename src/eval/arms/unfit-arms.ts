/** Finds the arms that a pair does not allow, before its models are opened. */
import { parsePolicy, POLICY_FACTS } from "../../decode/index.ts";
import type { PairConfig } from "../../decode/pair/pair-config.ts";
import { vocabularyOfModel } from "../../engines/open/open-engine.ts";

export interface UnfitArms {
  readonly names: readonly string[];
  /** The fault of the pair, as in "the models have two vocabularies". */
  readonly reason: string;
}

/**
 * The arms in which the small model drafts for the big one, if these two do not fit that. A model of a hub that may not have been downloaded yet
 * counts as one that does not. Undefined if all arms fit.
 * @throws ConfigError, DataError for a spec that is wrong, or a file that is missing or broken.
 */
export function unfitArms({ small, big }: Pick<PairConfig, "small" | "big">): UnfitArms | undefined {
  const reason = whyNoDrafts(small, big);
  if (reason === undefined) return undefined;
  const names = POLICY_FACTS.flatMap(({ name, arm }) =>
    arm !== undefined && parsePolicy(name).needs?.drafts === true ? [arm] : [],
  );
  return names.length === 0 ? undefined : { names, reason };
}

function whyNoDrafts(small: string, big: string): string | undefined {
  const ours = vocabularyOfModel(small);
  const theirs = vocabularyOfModel(big);
  if (ours === undefined || theirs === undefined) return "a model is not a file on this machine";
  return ours === theirs ? undefined : "the models have two vocabularies";
}
