/** The same micro traces annotated three ways: by `gap`, by `entropy`, and by the generator, which knows where products are written. */
import { annotateByGap } from "../../src/data/annotate/annotate.ts";
import { ScoringAnnotator } from "../../src/data/annotate/scoring-annotator.ts";
import { openEngine } from "../../src/engines/open/open-engine.ts";
import type { TraceRow } from "../../src/formats/trace-row.ts";
import { microExample } from "../../src/micro/index.ts";
import { promptPieces } from "../../src/recipes/micro/corpus.ts";

/** Rows in the same order. */
export interface MicroAnnotations {
  readonly gap: readonly TraceRow[];
  readonly entropy: readonly TraceRow[];
  readonly truth: readonly TraceRow[];
}

/** Other problems than those that the models were trained on. */
const SEED = 3_000_017;

export async function annotateMicroTraces({
  traces,
  share,
  seed,
  signal,
}: {
  readonly traces: number;
  readonly share: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}): Promise<MicroAnnotations> {
  const plain: TraceRow[] = [];
  const truth: TraceRow[] = [];
  for (let index = 0; index < traces; index++) {
    const { problem, text, trace } = microExample("train", seed + SEED, index);
    const row: TraceRow = {
      id: problem.id,
      problem: text,
      trace: trace.text,
      answer: String(problem.answer),
    };
    plain.push(row);
    let offset = 0;
    const spans = trace.parts.flatMap((part) => {
      const start = offset;
      offset += part.text.length;
      return part.skill === "product" ? [{ start, end: offset }] : [];
    });
    truth.push({ ...row, spans, annotator: "truth" });
  }
  await using small = await openEngine("gguf:models/micro/small-base/model.gguf", { threads: 1 }, signal);
  await using big = await openEngine("gguf:models/micro/big/model.gguf", { threads: 1 }, signal);
  const prompt = (problem: string) => ({ small: promptPieces(problem), big: promptPieces(problem) });
  const { rows: gap } = await annotateByGap(plain, { small, big, prompt, share, signal });
  return {
    gap,
    entropy: await byEntropy(plain, new ScoringAnnotator({ small, prompt, share }), signal),
    truth,
  };
}

async function byEntropy(
  rows: readonly TraceRow[],
  annotator: ScoringAnnotator,
  signal: AbortSignal,
): Promise<TraceRow[]> {
  const facts: unknown[][] = [];
  for (const [index, row] of rows.entries()) {
    const known: unknown[] = [];
    await annotator.examine(row, {
      known: [],
      keep: (fact) => known.push(fact),
      asking: () => {},
      key: String(index),
      stop: signal,
      signal,
    });
    facts.push(known);
  }
  await annotator.survey(async function* () {
    yield* facts;
  }, signal);
  return rows.map((row, index) => {
    const placement = annotator.place(row, facts[index] ?? []);
    return {
      ...row,
      spans: placement.status === "annotated" ? [...placement.spans] : [],
      annotator: "entropy",
    };
  });
}
