/** Settings of the dial that a policy cannot honour: to ask for one of them there is a mistake, and is said to be one. */
import { ConfigError } from "../../core/errors.ts";
import { type AskedDial, type Dial, type DialField, dialSchema } from "../dial/dial.ts";
import { parsePolicySpec, policyFacts } from "./index.ts";

export interface Unhonoured {
  readonly field: DialField;
  readonly value: number | boolean;
}

/** To ask for a default is to ask for nothing, whatever the policy. */
const DEFAULTS: Dial = dialSchema.parse({});

/** The first setting that the policy of this name cannot honour. */
export function unhonoured(policyName: string, asked: AskedDial): Unhonoured | undefined {
  for (const field of policyFacts(policyName)?.ignores ?? []) {
    const value = asked[field];
    if (value !== undefined && value !== DEFAULTS[field]) return { field, value };
  }
  return undefined;
}

/** Says what is wrong, as the end of a sentence that begins with the place of the setting. */
export const unhonouredText = (policyName: string, { field, value }: Unhonoured): string =>
  `the policy ${policyName} cannot honour ${field} ${value}; leave it out or choose another policy`;

/**
 * Checks data that has both a policy and a dial: a pair, a preset.
 * @throws ConfigError on a setting that the policy cannot honour, or on a policy that cannot be read.
 */
export function requireHonoured(policySpec: string, asked: AskedDial, where: string): void {
  const { name } = parsePolicySpec(policySpec);
  const fault = unhonoured(name, asked);
  if (fault === undefined) return;
  throw new ConfigError(`${where}: ${unhonouredText(name, fault)}.`, { code: "config-invalid" });
}
