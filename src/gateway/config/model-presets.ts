/** The model names that an operator adds. Each stands for a policy and settings of the dial. */
import { z } from "zod";

import { askedDialSchema } from "../../decode/dial/dial.ts";
import { parsePolicy } from "../../decode/policies/index.ts";
import { unhonoured, unhonouredText } from "../../decode/policies/honoured-dial.ts";

/** A preset has no defaults: what it leaves out comes from the pair. */
export const dialPresetSchema = askedDialSchema
  .extend({
    policy: z.string().min(1).optional(),
    policyOptions: z.record(z.string(), z.unknown()).optional(),
  })
  .superRefine(({ policy, policyOptions, ...dial }, context) => {
    if (policy === undefined) {
      if (policyOptions === undefined) return;
      context.addIssue({ code: "custom", path: ["policyOptions"], message: "they need a policy" });
      return;
    }
    try {
      const { name } = parsePolicy(policy, policyOptions);
      const fault = unhonoured(name, dial);
      if (fault === undefined) return;
      context.addIssue({ code: "custom", path: [fault.field], message: unhonouredText(name, fault) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      context.addIssue({ code: "custom", path: ["policy"], message });
    }
  });

export type DialPreset = z.output<typeof dialPresetSchema>;

/** The names of the gateway's own (`splitreason`, `splitreason@0.05`, `splitreason:big`) cannot be used. */
export const presetNameSchema = z
  .string()
  .regex(
    /^(?!splitreason(?:[@:]|$))[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$/u,
    "a model's name has letters, digits and . _ : @ / -, at most 128, and is not splitreason, splitreason@... or splitreason:...",
  );
