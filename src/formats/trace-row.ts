/** One row of the data world: what annotation reads and writes, what is checked and counted, and what fine-tuning reads. */
import { z } from "zod";

/** A hard span: UTF-16 offsets into `trace`, end exclusive, with what the annotator knows of it. */
const spanSchema = z.object({
  start: z.number().int().nonnegative(),
  end: z.number().int().positive(),
  /** Nats that the small model lost to the large one over the span; absent for annotators that have no score. */
  score: z.number().optional(),
  /** Edits between the snippet that an annotator quoted and the text that was found for it; absent where nothing was quoted. */
  edits: z.number().int().nonnegative().optional(),
});

/**
 * What a scoring annotator saw, word by word, compactly: word i reaches from `offsets[i]` to `offsets[i + 1]` (the last one to the
 * end of what was scored). Both lists are of the same length.
 */
const wordScoresSchema = z.object({
  /** UTF-16 offsets into `trace`, rising. */
  offsets: z.array(z.number().int().nonnegative()),
  /** Nats for each word: of `gap` what the small model lost to the large one, of `entropy` the small one's own. */
  gap: z.array(z.number()),
});

export const traceRowSchema = z.object({
  /** Names the trace in every file that is made from it; of a data set with several traces a problem, one id each. */
  id: z.string(),
  problem: z.string(),
  /** The assistant's turn after the opening of the chain of thought, without offload tags. */
  trace: z.string(),
  answer: z.string().optional(),
  spans: z.array(spanSchema).optional(),
  annotator: z.string().optional(),
  /** Where the problem comes from, as the data set says it, e.g. `olympiads`. */
  source: z.string().optional(),
  /** The worked solution that came with the problem. */
  solution: z.string().optional(),
  /** Whether the data set says that the trace ends in the right answer; absent where it does not say. */
  correct: z.boolean().optional(),
  scores: wordScoresSchema.optional(),
  /** Why a row could not be annotated; such rows are kept apart and are not for training. */
  error: z.string().optional(),
});

export type Span = z.infer<typeof spanSchema>;
export type WordScores = z.infer<typeof wordScoresSchema>;
export type TraceRow = z.infer<typeof traceRowSchema>;
