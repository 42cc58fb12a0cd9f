/**
 * Annotation without a strong annotator: models read the traces and score each word. `gap` marks words where the small one is
 * surprised and the large one is not. `entropy` marks words where the small one is surprised; its mean surprise is the entropy
 * of its prediction. All rows share one threshold, so that a wanted share of all tokens is hard.
 */
import { z } from "zod";

import { EngineError } from "../../core/errors.ts";
import type { Piece } from "../../core/piece.ts";
import type { Engine } from "../../engines/engine.ts";
import type { TraceRow, WordScores } from "../../formats/trace-row.ts";
import type { Annotator, Examination, ExamineContext, Placement } from "./annotator.ts";
import { chainOfThought } from "../../tags/chain-of-thought.ts";
import {
  GAP_DEFAULTS,
  type GapOptions,
  gapWords,
  type GapWord,
  smoothGaps,
  spansAbove,
  wordsOf,
} from "./gap.ts";
import { scoreTrace } from "./scores.ts";
import { ThresholdSearch } from "./threshold.ts";

export interface ScoringModels {
  readonly small: Engine;
  /** The large model. With it the scores are gaps (`gap`), without it surprises (`entropy`). */
  readonly big?: Engine;
}

export interface ScoringAnnotatorOptions extends ScoringModels, Partial<GapOptions> {
  /**
   * More engines of the same models. Each reads rows of its own, so that models too small for several threads use more cores
   * and give the same digits.
   */
  readonly copies?: readonly ScoringModels[];
  /** The context before a trace, as it is rendered for each model. */
  readonly prompt: (problem: string) => { readonly small: readonly Piece[]; readonly big: readonly Piece[] };
  /** The models in the run's identity. Default: their specs. */
  readonly models?: Readonly<Record<string, string>>;
  /** Whether rows keep the score of each word. */
  readonly keepScores?: boolean;
  /**
   * Rows at the same time. Default: one for each engine, copies included. More can change the last digits of an engine whose
   * arithmetic depends on its batch.
   */
  readonly concurrency?: number;
}

/** The one fact of a row: for each word 8 bytes of score and 8 of token count, little-endian, base64. */
const factSchema = z.object({ words: z.int().nonnegative(), gaps: z.base64(), tokens: z.base64() });

export class ScoringAnnotator implements Annotator {
  readonly name: "gap" | "entropy";
  readonly identity: Readonly<Record<string, unknown>>;
  readonly concurrency: number;
  readonly #options: ScoringAnnotatorOptions;
  /** The engines, each with the number of rows that it is reading. */
  readonly #readers: { readonly models: ScoringModels; rows: number }[];
  readonly #gap: GapOptions;
  #chosen: { readonly threshold: number; readonly share: number } | undefined;

  constructor(options: ScoringAnnotatorOptions) {
    const { small, big, share, minimumGap, smoothing, mergeDistance } = options;
    this.name = big === undefined ? "entropy" : "gap";
    const copies = options.copies ?? [];
    this.concurrency = options.concurrency ?? 1 + copies.length;
    this.#readers = [options, ...copies].map((models) => ({ models, rows: 0 }));
    this.#options = options;
    this.#gap = {
      share: share ?? GAP_DEFAULTS.share,
      minimumGap: minimumGap ?? GAP_DEFAULTS.minimumGap,
      smoothing: smoothing ?? GAP_DEFAULTS.smoothing,
      mergeDistance: mergeDistance ?? GAP_DEFAULTS.mergeDistance,
    };
    // Thresholds are no part of it: kept scores give other spans at no cost.
    this.identity = {
      models: options.models ?? { small: small.model, ...(big === undefined ? {} : { big: big.model }) },
    };
  }

  /** The result of a run: the threshold in nats, and tokens in spans / tokens of the chains of thought. */
  get chosen(): { readonly threshold: number; readonly share: number } {
    return this.#chosen ?? { threshold: Number.POSITIVE_INFINITY, share: 0 };
  }

  async examine(row: TraceRow, { known, keep, stop }: ExamineContext): Promise<Examination> {
    if (known.length > 0) return { status: "examined" };
    const prompts = this.#options.prompt(row.problem);
    const reader = this.#readers.reduce((least, other) => (other.rows < least.rows ? other : least));
    const { small, big } = reader.models;
    reader.rows++;
    try {
      const [smallScores, bigScores] = await Promise.all([
        scoreTrace(small, prompts.small, row.trace, stop),
        big === undefined ? [] : scoreTrace(big, prompts.big, row.trace, stop),
      ]);
      const words = gapWords(chainOfThought(row.trace), smallScores, bigScores);
      keep({
        words: words.length,
        gaps: toBase64(words.map(({ gap }) => gap)),
        tokens: toBase64(words.map(({ tokens }) => tokens)),
      });
      return { status: "examined" };
    } catch (error) {
      if (error instanceof EngineError && error.code === "prompt-too-long") {
        return { status: "failed", kind: "too-long", reason: error.message };
      }
      throw error;
    } finally {
      reader.rows--;
    }
  }

  async survey(facts: () => AsyncIterable<readonly unknown[]>, signal: AbortSignal): Promise<void> {
    const search = new ThresholdSearch({ share: this.#gap.share, minimum: this.#gap.minimumGap });
    do {
      for await (const known of facts()) {
        signal.throwIfAborted();
        const { gaps, tokens } = readFact(known);
        const words = Array.from(gaps, (gap, index) => ({
          start: 0,
          end: 0,
          gap,
          tokens: tokens[index] ?? 0,
        }));
        smoothGaps(words, this.#gap.smoothing).forEach((gap, index) => search.add(gap, tokens[index] ?? 0));
      }
    } while (search.endPass());
    this.#chosen = search.result;
  }

  place(row: TraceRow, facts: readonly unknown[]): Placement {
    const { gaps, tokens } = readFact(facts);
    const words: GapWord[] = wordsOf(chainOfThought(row.trace)).map(({ start, end }, index) => ({
      start,
      end,
      gap: gaps[index] ?? 0,
      tokens: tokens[index] ?? 0,
    }));
    const smoothed = smoothGaps(words, this.#gap.smoothing);
    const spans = spansAbove(words, smoothed, this.chosen.threshold, this.#gap.mergeDistance);
    return {
      status: "annotated",
      spans,
      ...(this.#options.keepScores === true ? { scores: wordScores(words) } : {}),
    };
  }
}

function readFact(facts: readonly unknown[]): { readonly gaps: Float64Array; readonly tokens: Float64Array } {
  const { gaps, tokens } = factSchema.parse(facts[0]);
  return { gaps: fromBase64(gaps), tokens: fromBase64(tokens) };
}

/** Scores to a thousandth of a nat, enough for a plot. */
const wordScores = (words: readonly GapWord[]): WordScores => ({
  offsets: words.map(({ start }) => start),
  gap: words.map(({ gap }) => Math.round(gap * 1000) / 1000),
});

function toBase64(values: readonly number[]): string {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, index) => bytes.writeDoubleLE(value, 8 * index));
  return bytes.toString("base64");
}

function fromBase64(text: string): Float64Array {
  const bytes = Buffer.from(text, "base64");
  return Float64Array.from({ length: bytes.length >>> 3 }, (_, index) => bytes.readDoubleLE(8 * index));
}
