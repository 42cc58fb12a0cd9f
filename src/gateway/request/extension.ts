/** The field `splitreason` of a request, whatever the protocol: the dial, and what to report. */
import { z } from "zod";

import { askedDialSchema } from "../../decode/dial/dial.ts";

const { bias, ...dialFields } = askedDialSchema.omit({ budgetGrace: true }).shape;

const fields = z
  .object({
    /** Which policy decides who writes, e.g. `learned`, `random`, `entropy` or `entropy:threshold=1.2`. */
    policy: z.string().min(1).max(4_096).optional(),
    /** Options of the policy. Options in the policy's name win over these. */
    policyOptions: z.record(z.string().max(64), z.unknown()).optional(),
    bias: bias.unwrap().min(-100).max(100).optional(),
    ...dialFields,
    /** Whether the answer reports who wrote what. */
    authors: z.boolean().optional(),
    /** `inline`: the chain of thought stays in the content, as the model wrote it. */
    reasoning: z.enum(["separate", "inline"]).optional(),
  })
  .strict();

/** `splitreason`: the dial and what to report, per request. As in all requests, a field may be null: it asks for nothing. */
export const extensionSchema = z.preprocess(
  (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value).filter(([name, set]) => set !== null || !(name in fields.shape)),
        )
      : value,
  fields,
);

export type ExtensionFields = z.output<typeof extensionSchema>;
