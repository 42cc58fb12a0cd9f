/** The tags of the method (Paper 3.1) and the markers around a chain of thought. Engines know none of them. */
import { z } from "zod";

export interface TagPair {
  readonly open: string;
  readonly close: string;
}

/**
 * The canonical tags: `<bigmodel>` hands the next span to the large model, `</bigmodel>` takes it back. A pair of models may use two other
 * control tokens. Text on disk with tags has the canonical ones.
 */
export const OFFLOAD_TAGS: TagPair = { open: "<bigmodel>", close: "</bigmodel>" };
export const THINK_TAGS: TagPair = { open: "<think>", close: "</think>" };

/** The tags as configurations name them. Whether a model has them is another question (`fit.ts`). */
export const tagPairSchema = z
  .strictObject({ open: z.string().min(1).max(200), close: z.string().min(1).max(200) })
  .refine(({ open, close }) => open !== close, {
    path: ["close"],
    message: "it must be another token than open",
  });

/** The tags as `--tags` names them: `OPEN,CLOSE`. Undefined for a text that does not. */
export function parseTagPair(text: string): TagPair | undefined {
  const [open = "", close = "", ...more] = text.split(",").map((tag) => tag.trim());
  if (more.length > 0) return undefined;
  const parsed = tagPairSchema.safeParse({ open, close });
  return parsed.success ? parsed.data : undefined;
}
