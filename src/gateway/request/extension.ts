/** The field `splitreason` of a request, whatever the protocol: the dial, and what to report. */
import { z } from "zod";

import { dialSchema } from "../../decode/dial/dial.ts";
import { optional } from "./read-request.ts";

const { bias, budget, maxSegmentTokens, maxSegments, reject } = dialSchema.shape;

/** `splitreason`: the dial and what to report, per request. */
export const extensionSchema = z
  .object({
    /** Which policy decides who writes, e.g. `learned`, `random`, `entropy` or `entropy:threshold=1.2`. */
    policy: optional(z.string().min(1).max(4_096)),
    /** Its options; those in the policy's own name win. */
    policyOptions: optional(z.record(z.string().max(64), z.unknown())),
    bias: optional(bias.unwrap().min(-100).max(100)),
    budget: optional(budget.unwrap()),
    maxSegmentTokens: optional(maxSegmentTokens.unwrap()),
    maxSegments: optional(maxSegments.unwrap()),
    reject: optional(reject.unwrap()),
    /** Report who wrote what. */
    authors: optional(z.boolean()),
    /** `inline`: the chain of thought stays in the content, as the model wrote it. */
    reasoning: optional(z.enum(["separate", "inline"])),
  })
  .strict();

export type ExtensionFields = z.output<typeof extensionSchema>;
