/** Teaches the small model where to ask: supervised fine-tuning on annotated traces (Paper 3.3). */
import { digestOf } from "../../core/digest.ts";
import { createRng } from "../../core/rng.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import { runSupervised } from "../../train/supervised/loop.ts";
import { jitterSpans } from "../../train/supervised/span-jitter.ts";
import { epochBatch, traceRowDatum } from "../../train/supervised/trace-datum.ts";
import type { Datum } from "../../train/trainer.ts";
import type { MicroLearnConfig } from "./config.ts";
import { END_OF_TURN, promptPieces } from "./corpus.ts";
import { type StageOptions, type TrainedModel, trainModel } from "./pretrain.ts";

export async function tune(
  { tuning }: Pick<MicroLearnConfig, "tuning">,
  base: TrainedModel,
  annotated: readonly TraceRow[],
  stage: StageOptions,
): Promise<TrainedModel | undefined> {
  const { tokenizer } = stage;
  const { training, rows: batchRows, spanWeight, jitter } = tuning;
  const toDatum = (row: TraceRow): Datum =>
    traceRowDatum(tokenizer, row, { prompt: promptPieces, endOfTurn: END_OF_TURN, spanWeight });
  const rng = createRng(training.seed);
  /** Spans are drawn again each time that a row is seen. */
  const seen = (row: TraceRow, label: string): TraceRow => ({
    ...row,
    spans: jitterSpans(row.trace, row.spans ?? [], jitter, rng.fork(label)),
  });
  const batch = (step: number): Datum[] =>
    epochBatch(annotated, step, batchRows, training.seed).map((row, index) =>
      toDatum(seen(row, `jitter ${step} ${index}`)),
    );
  // Jitter may add a span with two tags, and tags split words. So the longest datum of all batches is measured.
  let rowLength = 2 + longestOf(annotated.map(toDatum));
  for (let step = 0; step < training.steps; step++) rowLength = Math.max(rowLength, longestOf(batch(step)));
  return trainModel(base, stage, { seed: training.seed, rowLength }, (trainer) =>
    runSupervised({
      config: training,
      trainer,
      folder: stage.folder,
      header: {
        identity: {
          tuning,
          rows: digestOf(annotated),
          vocabulary: tokenizer.vocabulary,
          threads: stage.threads,
        },
        provenance: stage.provenance,
      },
      batch,
      onStep: (metrics) => stage.onStep?.(stage.name, metrics),
      ...(stage.signal === undefined ? {} : { signal: stage.signal }),
    }),
  );
}

const longestOf = (data: readonly Datum[]): number =>
  data.reduce((most, { tokens }) => Math.max(most, tokens.length), 0);
