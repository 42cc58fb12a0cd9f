/** The trace row: annotation reads and writes it, `data check` and `data stats` read it, and so does fine-tuning. */
import { z } from "zod";

/** A hard span: UTF-16 offsets into `trace`, end exclusive, with facts from the annotator. */
const spanSchema = z.object({
  start: z.number().int().nonnegative(),
  end: z.number().int().positive(),
  /** Nats that the small model lost to the large one over the span. Absent for annotators without a score. */
  score: z.number().optional(),
  /** Edits between the snippet that an annotator quoted and the text that was found for it. Absent if nothing was quoted. */
  edits: z.number().int().nonnegative().optional(),
});

/**
 * Scores of an annotator, word by word. Word i reaches from `offsets[i]` to `offsets[i + 1]`; the last one reaches to the end of the scored
 * text. Both lists have the same length.
 */
const wordScoresSchema = z.object({
  /** UTF-16 offsets into `trace`, ascending. */
  offsets: z.array(z.number().int().nonnegative()),
  /** Nats for each word. The annotator `gap` writes the small model's loss against the large one, `entropy` the small one's entropy. */
  gap: z.array(z.number()),
});

/** How a pair wrote the trace of a row itself (`data rollouts`). */
const rolloutSchema = z.object({
  /** Digest of all that the sample depends on; the journal's first line has it in full. */
  configHash: z.string(),
  /** Engine specs of the pair. */
  small: z.string(),
  big: z.string(),
  /** The policy with its options, and what spans were widened to. */
  policy: z.string(),
  grain: z.string(),
  temperature: z.number(),
  /** The problem within its task, the sample of it, and the sample's own seed. */
  problem: z.string(),
  sample: z.number().int(),
  seed: z.number().int(),
  /** Tokens of both authors, and the big model's share of them as it was decoded. */
  tokens: z.number().int(),
  share: z.number(),
  /** Whether the text encodes to the very tokens that were sampled. Absent where ids are not known. */
  sameTokens: z.boolean().optional(),
  /** The commit of this project; absent outside of a checkout. */
  git: z.string().optional(),
});

export const traceRowSchema = z.object({
  /** Names the trace in every file that is made from it. Several traces of one problem have one id each. */
  id: z.string(),
  problem: z.string(),
  /** The assistant's turn after the opening of the chain of thought, without offload tags. */
  trace: z.string(),
  answer: z.string().optional(),
  spans: z.array(spanSchema).optional(),
  annotator: z.string().optional(),
  /** Origin of the problem, as the data set names it, for example `olympiads`. */
  source: z.string().optional(),
  /** The worked solution that came with the problem. */
  solution: z.string().optional(),
  /** Whether the trace ends in the right answer, if the data set says so. */
  correct: z.boolean().optional(),
  scores: wordScoresSchema.optional(),
  rollout: rolloutSchema.optional(),
  /** The reason why a row could not be annotated. Such rows are kept apart and are not for training. */
  error: z.string().optional(),
});

export type Span = z.infer<typeof spanSchema>;
export type WordScores = z.infer<typeof wordScoresSchema>;
export type RolloutFacts = z.infer<typeof rolloutSchema>;
export type TraceRow = z.infer<typeof traceRowSchema>;
