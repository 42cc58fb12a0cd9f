/** One line of a trace file (JSONL): what annotation reads and writes and what fine-tuning reads. */
import { z } from "zod";

/** A hard span: UTF-16 offsets into `trace`, end exclusive, with the score that chose it. */
export const spanSchema = z.object({
  start: z.number().int().nonnegative(),
  end: z.number().int().positive(),
  /** Nats that the small model lost to the large one over the span; absent for annotators that have no score. */
  score: z.number().optional(),
});

export const traceRowSchema = z.object({
  id: z.string(),
  problem: z.string(),
  /** The assistant's turn after the opening of the chain of thought, without offload tags. */
  trace: z.string(),
  answer: z.string().optional(),
  spans: z.array(spanSchema).optional(),
  annotator: z.string().optional(),
});

export type Span = z.infer<typeof spanSchema>;
export type TraceRow = z.infer<typeof traceRowSchema>;
