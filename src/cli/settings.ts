/** From flags to what is opened and how it decodes: flags first, then the pair's own settings. */
import { ConfigError } from "../core/errors.ts";
import { withShare } from "../decode/calibration-file.ts";
import { parsePolicy, type Policy, POLICY_NAMES } from "../decode/index.ts";
import { loadPairConfig, type PairConfig } from "../decode/pair-config.ts";
import type { PairFlags, PolicyFlags } from "./flags.ts";

/** What of the flags a pair's configuration takes. */
export type PairOverrides = Partial<Omit<PairFlags, "seed" | "json" | "threads">> & {
  readonly smallBase?: string;
};

/**
 * The pair's configuration with the flags folded in. Another small model has no "before tuning" that we know of.
 * @param base instead of the pair that the flags name.
 */
export async function pairConfigFrom(flags: PairOverrides, base?: PairConfig): Promise<PairConfig> {
  const { smallBase: ownBase, ...config } = base ?? (await loadPairConfig(flags.pair ?? "micro"));
  const smallBase = flags.smallBase ?? (flags.small === undefined ? ownBase : undefined);
  return {
    ...config,
    ...(smallBase === undefined ? {} : { smallBase }),
    small: flags.small ?? config.small,
    big: flags.big ?? config.big,
    dial: {
      ...config.dial,
      ...(flags.bias === undefined ? {} : { bias: flags.bias }),
      ...(flags.budget === undefined ? {} : { budget: flags.budget }),
    },
    sampling: {
      ...config.sampling,
      ...(flags.temperature === undefined ? {} : { temperature: flags.temperature }),
    },
    maxTokens: flags.maxTokens ?? config.maxTokens,
  };
}

/** @throws ConfigError on an unknown policy, or a share for a policy that has none. */
export function policyFrom(flags: PolicyFlags, config: PairConfig): Policy {
  const name = flags.policy ?? config.policy;
  // The pair's options belong to the pair's policy.
  const options = name === config.policy ? config.policyOptions : {};
  if (flags.share === undefined) return parsePolicy(name, options);
  // Its share is a matter of the dial: see withWantedShare.
  if (name === "learned") return parsePolicy(name, options);
  if (name !== "random" && POLICY_NAMES.includes(name)) {
    throw new ConfigError(
      `--share ${flags.share} is for --policy learned or random; the policy here is ${name}.`,
      { code: "usage" },
    );
  }
  return parsePolicy(name, { ...options, share: flags.share });
}

/**
 * The pair with the dial at which the policy learned has the wanted share, by the calibration beside the small model.
 * @throws ConfigError when there is none, or --bias was given as well.
 */
export async function withWantedShare(
  config: PairConfig,
  flags: PolicyFlags & { readonly bias?: number },
): Promise<PairConfig> {
  if (flags.share === undefined || (flags.policy ?? config.policy) !== "learned") return config;
  if (flags.bias !== undefined) {
    throw new ConfigError(`--share ${flags.share} and --bias ${flags.bias} both set the bias: give one.`, {
      code: "usage",
    });
  }
  return withShare(config, flags.share);
}
