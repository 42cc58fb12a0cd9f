/** A sample: what a pair wrote for a problem once, as the journal keeps it. */
import { z } from "zod";

import { tokenId, type TokenId } from "../../core/ids.ts";
import type { Author, SplitEvent } from "../../decode/index.ts";
import type { EvaluationRow } from "../../eval/row.ts";

const count = z.int().nonnegative();

export const sampleSchema = z.object({
  sample: count,
  seed: count,
  answer: z.string().nullable(),
  /** The grader's verdict. */
  correct: z.boolean(),
  finishReason: z.string(),
  /** In order; their texts concatenate to the output. `ids` in the vocabulary of the small model, absent where they are not known. */
  parts: z.array(
    z.object({ author: z.enum(["small", "big"]), text: z.string(), ids: z.array(count).optional() }),
  ),
  smallTokens: count,
  bigTokens: count,
  discardedTokens: count,
  /** Why the big model was lost in between. */
  degraded: z.string().optional(),
});

export type Sample = z.output<typeof sampleSchema>;
export type SamplePart = Sample["parts"][number];

/** Collects what each author wrote from the events of one sample. Neighbours of one author become one part. */
export class SampleParts {
  readonly #parts: { author: Author; text: string; ids: TokenId[] | undefined }[] = [];
  readonly #hasIds: (author: Author) => boolean;

  /** @param hasIds Whether an author's ids are those of the small model's vocabulary. */
  constructor(hasIds: (author: Author) => boolean) {
    this.#hasIds = hasIds;
  }

  push(event: SplitEvent): void {
    if (event.type !== "segment-delta" || event.tokens.length === 0) return;
    let last = this.#parts.at(-1);
    if (last?.author !== event.author) {
      last = { author: event.author, text: "", ids: this.#hasIds(event.author) ? [] : undefined };
      this.#parts.push(last);
    }
    last.text += event.text;
    for (const { id } of event.tokens) {
      if (id === undefined) last.ids = undefined;
      else last.ids?.push(id);
    }
  }

  /** The sample, with the outcome of its row. */
  sampleOf(row: EvaluationRow): Sample {
    const { sample, seed, answer, correct, finishReason, degraded } = row;
    const { smallTokens, bigTokens, discardedTokens } = row.usage;
    const outcome = { sample, seed, answer, correct, finishReason, smallTokens, bigTokens, discardedTokens };
    const parts = this.#parts.map(({ author, text, ids }) => ({
      author,
      text,
      ...(ids === undefined ? {} : { ids }),
    }));
    return { ...outcome, parts, ...(degraded === undefined ? {} : { degraded }) };
  }
}

/** The tokens of the whole output; undefined where some are not known. */
export function sampledIds(parts: readonly SamplePart[]): TokenId[] | undefined {
  const ids: TokenId[] = [];
  for (const part of parts) {
    if (part.ids === undefined) return undefined;
    for (const id of part.ids) ids.push(tokenId(id));
  }
  return ids;
}
