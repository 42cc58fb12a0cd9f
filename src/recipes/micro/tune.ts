/** The small model learns where to ask: supervised fine-tuning on annotated traces (Paper 3.3). */
import { join } from "node:path";
import { z } from "zod";

import { readTextFile } from "../../core/files.ts";
import { traceRowSchema } from "../../formats/trace-row.ts";
import { runSupervised } from "../../train/loop.ts";
import { epochBatch, traceRowDatum } from "../../train/trace-datum.ts";
import { modelExporter } from "../../train/export/index.ts";
import { EmbeddedTrainer } from "../../train/trainers/embedded.ts";
import { ANNOTATED_FILE } from "./annotate.ts";
import { type MicroBuildConfig, qwen3Shape } from "./config.ts";
import { END_OF_TURN, promptPieces } from "./corpus.ts";
import { exported, microModelTokenizer, type StageOptions, type TrainedModel } from "./pretrain.ts";

export async function tune(
  config: MicroBuildConfig,
  base: TrainedModel,
  annotatedFolder: string,
  stage: StageOptions,
): Promise<TrainedModel | undefined> {
  const { tokenizer } = stage;
  const { training, rows: batchRows, spanWeight } = config.tuning;
  const lines = (await readTextFile(join(annotatedFolder, ANNOTATED_FILE))).trimEnd().split("\n");
  const rows = z.array(traceRowSchema).parse(lines.map((line) => JSON.parse(line) as unknown));
  const data = rows.map((row) =>
    traceRowDatum(tokenizer, row, { prompt: promptPieces, endOfTurn: END_OF_TURN, spanWeight }),
  );
  const longest = data.reduce((most, { tokens }) => Math.max(most, tokens.length), 0);
  const trainer = await EmbeddedTrainer.create({
    config: qwen3Shape(config.small, tokenizer.size),
    weights: base.weights,
    threads: stage.threads,
    rowLength: longest,
    exporter: modelExporter(microModelTokenizer(tokenizer), `splitreason micro ${stage.name}`),
  });
  try {
    const outcome = await runSupervised({
      config: training,
      trainer,
      folder: stage.folder,
      header: {
        identity: { config, vocabulary: tokenizer.vocabulary, threads: stage.threads },
        provenance: stage.provenance,
      },
      batch: (step) => epochBatch(data, step, batchRows, training.seed),
      onStep: (metrics) => stage.onStep?.(stage.name, metrics),
      ...(stage.signal === undefined ? {} : { signal: stage.signal }),
    });
    return outcome.status === "done" ? await exported(trainer, stage) : undefined;
  } finally {
    await trainer.close();
  }
}
