/**
 * Reads rows of OpenR1-Math-220k: a problem with two to four traces of DeepSeek-R1. Math-Verify checked each trace against the
 * answer; where it could not tell, a model judged.
 */
import { z } from "zod";

import { given } from "../../core/given.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import { THINK_TAGS } from "../../tags/index.ts";
import { afterThinkTag } from "../../tags/chain-of-thought.ts";

/** Choices of which traces of a problem to take. */
export const GENERATION_CHOICES = ["first-correct", "all-correct", "first", "all"] as const;
export type GenerationChoice = (typeof GENERATION_CHOICES)[number];

const flags = z.array(z.boolean().optional()).optional();

export const openR1Schema = z.object({
  problem: z.string(),
  generations: z.array(z.string().optional()),
  solution: z.string().optional(),
  answer: z.string().optional(),
  source: z.string().optional(),
  uuid: z.string().optional(),
  is_reasoning_complete: flags,
  correctness_math_verify: flags,
  correctness_llama: flags,
});

export type OpenR1Row = z.output<typeof openR1Schema>;

/**
 * The chosen traces, in order. A trace is correct when either check says so and it is complete: it has `</think>`, and the data
 * set does not mark it incomplete. An id is `uuid:index`; the index counts all generations from 0.
 */
export function openR1Traces(row: OpenR1Row, choice: GenerationChoice, fallbackId: () => string): TraceRow[] {
  const base = row.uuid ?? fallbackId();
  const traces = row.generations.flatMap((generation, index) => {
    if (generation === undefined) return [];
    const complete = row.is_reasoning_complete?.[index] !== false && generation.includes(THINK_TAGS.close);
    const verdicts = [row.correctness_math_verify?.[index], row.correctness_llama?.[index]];
    const judged = verdicts.some((verdict) => verdict !== undefined);
    const correct = complete && verdicts.includes(true);
    const trace: TraceRow = {
      id: `${base}:${index}`,
      problem: row.problem,
      trace: afterThinkTag(generation),
      ...given({ answer: row.answer, source: row.source, solution: row.solution }),
      ...(judged ? { correct } : {}),
    };
    return [{ trace, correct }];
  });
  const taken = choice.endsWith("correct") ? traces.filter(({ correct }) => correct) : traces;
  return (choice.startsWith("first") ? taken.slice(0, 1) : taken).map(({ trace }) => trace);
}
