/** Turns flags into a pair's configuration and a policy. Flags override the pair's own settings. */
import { given } from "../../core/given.ts";
import { ConfigError } from "../../core/errors.ts";
import { quoted, withMeasuredLengths, withShare } from "../../decode/pair/calibration-file.ts";
import { parsePolicySpec, type Policy, POLICY_NAMES, policyOptionNames } from "../../decode/index.ts";
import { loadPairConfig, type PairConfig, pairPolicy } from "../../decode/pair/pair-config.ts";
import { type AskedDial, askedDial, dialSchema } from "../../decode/dial/dial.ts";
import { unhonoured } from "../../decode/policies/honoured-dial.ts";
import type { PairFlags, PolicyFlags } from "./flags.ts";

/** The flags that change a pair's configuration. */
export type PairOverrides = Partial<Omit<PairFlags, "seed" | "json" | "threads" | "context">> & {
  readonly smallBase?: string;
  readonly calibration?: string;
};

/**
 * The pair's configuration with the flags applied. Another small model has no known version before tuning.
 * @param base Used instead of the pair that the flags name.
 */
export async function pairConfigFrom(flags: PairOverrides, base?: PairConfig): Promise<PairConfig> {
  const {
    smallBase: ownBase,
    calibration: ownTable,
    ...config
  } = base ?? (await loadPairConfig(flags.pair ?? "micro"));
  // Options tuned for the pair's own models mean nothing for others.
  const isOther = (spec: string | undefined, own: string): boolean => spec !== undefined && spec !== own;
  const hasOther = isOther(flags.small, config.small) || isOther(flags.big, config.big);
  const policies = hasOther ? {} : config.policies;
  const calibration = flags.calibration ?? (hasOther ? undefined : ownTable);
  const smallBase = flags.smallBase ?? (flags.small === undefined ? ownBase : undefined);
  return withMeasuredLengths({
    ...config,
    policies,
    ...given({ smallBase, calibration }),
    small: flags.small ?? config.small,
    big: flags.big ?? config.big,
    dial: dialSchema.parse({
      ...config.dial,
      ...askedDial(flags),
      ...(flags.hardBudget === true ? { hard: true } : {}),
    }),
    sampling: {
      ...config.sampling,
      ...given({ temperature: flags.temperature }),
    },
    maxTokens: flags.maxTokens ?? config.maxTokens,
    tags: flags.tags ?? config.tags,
    options: { ...config.options, ...timeoutOption(flags) },
  });
}

/** --big-timeout as the option of a pair. */
export const timeoutOption = ({ bigTimeout }: Pick<PairFlags, "bigTimeout">): { bigTimeoutMs?: number } =>
  bigTimeout === undefined ? {} : { bigTimeoutMs: Math.ceil(1000 * bigTimeout) };

/** @throws ConfigError on an unknown policy, a wrong option, or a share, bias or budget that the policy ignores. */
export function policyFrom(
  flags: PolicyFlags & Pick<PairOverrides, "bias" | "budget">,
  config: PairConfig,
): Policy {
  const spec = flags.policy ?? config.policy;
  const { name } = parsePolicySpec(spec);
  requireHonouredFlags([name], flags);
  // For learned, the dial sets the share: see withWantedShare.
  if (flags.share === undefined || name === "learned") return pairPolicy(config, spec);
  if (!takesShare(name) && POLICY_NAMES.includes(name)) {
    const others = POLICY_NAMES.filter(takesShare).join(" or ");
    throw new ConfigError(
      `--share ${flags.share} is for --policy learned or ${others}; the policy here is ${name}.`,
      { code: "usage" },
    );
  }
  return pairPolicy(config, spec, { share: flags.share });
}

/** Whether --share sets an option of the policy. */
export const takesShare = (policyName: string): boolean => policyOptionNames(policyName).includes("share");

/**
 * Refuses flags of the dial that no policy honours: they would change nothing.
 * @param policyNames At least one of them must honour each flag.
 * @throws ConfigError naming the flag.
 */
export function requireHonouredFlags(
  policyNames: readonly string[],
  flags: Pick<AskedDial, "bias" | "budget">,
): void {
  for (const [field, value] of Object.entries(askedDial(flags))) {
    const faults = policyNames.map((name) => unhonoured(name, { [field]: value }));
    const [fault] = faults;
    if (fault === undefined || faults.includes(undefined)) continue;
    const policies =
      policyNames.length === 1 ? `the policy ${policyNames[0]}` : `none of ${policyNames.join(", ")}`;
    throw new ConfigError(
      `--${fault.field} ${fault.value}: ${policies} ${policyNames.length === 1 ? "cannot" : "can"} honour it; leave it out or choose another policy (docs/decoding.md).`,
      { code: "usage" },
    );
  }
}

/**
 * The pair with the dial set for the wanted share of the policy learned, by the pair's calibration or the one beside the small
 * model.
 * @throws ConfigError when there is no calibration, or --bias was given as well.
 */
export async function withWantedShare(
  config: PairConfig,
  flags: PolicyFlags & Pick<PairOverrides, "pair" | "small" | "big" | "bias">,
): Promise<PairConfig> {
  if (flags.share === undefined || (flags.policy ?? config.policy) !== "learned") {
    if (flags.calibration === undefined) return config;
    throw new ConfigError(
      `--calibration ${flags.calibration} is for --share with the policy learned: give --share, or leave it out.`,
      { code: "usage" },
    );
  }
  if (flags.bias !== undefined) {
    throw new ConfigError(`--share ${flags.share} and --bias ${flags.bias} both set the bias: give one.`, {
      code: "usage",
    });
  }
  return withShare(config, flags.share, pairFlagsOf(flags));
}

/** The flags that name this pair, for advice. A pair file holds more than its models, so it is named too. */
function pairFlagsOf({
  pair,
  small,
  big,
}: Pick<PairOverrides, "pair" | "small" | "big">): string | undefined {
  if (pair === undefined || pair === "micro") return undefined;
  return Object.entries({ pair, small, big })
    .flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${quoted(value)}`]))
    .join(" ");
}
