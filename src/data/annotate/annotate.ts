/**
 * Annotates rows in memory: scores every trace under both models, then marks the words where the small one loses most. `run.ts`
 * does the same for files.
 */
import { DataError } from "../../core/errors.ts";
import type { Piece } from "../../core/piece.ts";
import type { Engine } from "../../engines/engine.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import { OFFLOAD_TAGS } from "../../tags/grammar.ts";
import { chainOfThought } from "../../tags/chain-of-thought.ts";
import { GAP_DEFAULTS, type GapOptions, gapWords, type GapWord, hardSpans } from "./gap.ts";
import { scoreTrace } from "./scores.ts";

export interface AnnotateOptions extends Partial<GapOptions> {
  readonly small: Engine;
  readonly big: Engine;
  /** The context before a trace, as it is rendered for each model. */
  readonly prompt: (problem: string) => { readonly small: readonly Piece[]; readonly big: readonly Piece[] };
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface AnnotateResult {
  /** The rows in the order given. */
  readonly rows: TraceRow[];
  /** Least gap of a word in a span, in nats. */
  readonly threshold: number;
  /** Tokens in spans / tokens of the chains of thought. */
  readonly share: number;
  readonly spans: number;
}

/**
 * Marks spans in the chain of thought only, never in the answer after `</think>`.
 * @throws DataError when a trace already has offload tags; EngineError when one does not fit a model's context.
 */
export async function annotateByGap(
  rows: readonly TraceRow[],
  options: AnnotateOptions,
): Promise<AnnotateResult> {
  const { small, big, prompt, onProgress, signal } = options;
  const words: GapWord[][] = [];
  for (const row of rows) {
    signal?.throwIfAborted();
    if (row.trace.includes(OFFLOAD_TAGS.open) || row.trace.includes(OFFLOAD_TAGS.close)) {
      throw new DataError(`row ${row.id} already has offload tags in its trace; annotate plain traces.`, {
        code: "data-invalid",
      });
    }
    const prompts = prompt(row.problem);
    const [smallScores, bigScores] = await Promise.all([
      scoreTrace(small, prompts.small, row.trace, signal),
      scoreTrace(big, prompts.big, row.trace, signal),
    ]);
    words.push(gapWords(chainOfThought(row.trace), smallScores, bigScores));
    onProgress?.(words.length, rows.length);
  }
  const { spans, threshold, share } = hardSpans(words, { ...GAP_DEFAULTS, ...options });
  return {
    rows: rows.map((row, index) => ({ ...row, spans: spans[index] ?? [], annotator: "gap" })),
    threshold,
    share,
    spans: spans.reduce((sum, list) => sum + list.length, 0),
  };
}
