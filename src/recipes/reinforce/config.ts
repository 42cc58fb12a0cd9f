/** What a run of `train grpo` is, as data: one JSON file, over which flags have the last word. */
import { z } from "zod";

import { grpoConfigSchema } from "../../train/grpo/config.ts";

export const reinforceConfigSchema = z.strictObject({
  /** A Hugging Face folder with the tuned small model that the run starts from. */
  model: z.string().min(1),
  /** Engine spec of the big model. */
  big: z.string().min(1),
  /** `micro`: problems of the micro domain. */
  data: z.literal("micro").default("micro"),
  /** A name, a reward's configuration, or a list of `{reward, weight}`. */
  reward: z.unknown().default("cost"),
  /** Held-out problems on which the policy is judged, at temperature 0. */
  heldOut: z.int().positive().default(200),
  /** Price of a share of 1 in the held-out score, which the best export is chosen by. */
  heldOutSharePrice: z.number().nonnegative().default(1),
  /** Share that the best export may have on held-out problems; what is above costs ten times its size. */
  heldOutBudget: z.number().min(0).max(1).default(1),
  /** `embedded`, or `tinker:URL?...` (docs/scale.md). */
  trainer: z.string().min(1).default("embedded"),
  threads: z.int().positive().default(1),
  grpo: grpoConfigSchema.default(grpoConfigSchema.parse({})),
});

export type ReinforceConfig = z.output<typeof reinforceConfigSchema>;
