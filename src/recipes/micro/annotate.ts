/** Training traces of the micro domain, annotated by the pair itself. */
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { digestOf, digestOfBytes } from "../../core/digest.ts";
import { readDocument } from "../../core/document.ts";
import { DataError } from "../../core/errors.ts";
import { ifExists, writeFileAtomic } from "../../core/files.ts";
import { readJsonLines } from "../../core/json-lines.ts";
import { failedPath, journalPath } from "../../data/annotate/run.ts";
import { annotate } from "../../data/annotate/run.ts";
import { ScoringAnnotator } from "../../data/annotate/scoring-annotator.ts";
import { openEngine } from "../../engines/open/open-engine.ts";
import { type TraceRow, traceRowSchema } from "../../formats/trace-row.ts";
import { microExample, type Split, UNSEEN_SEED } from "../../micro/index.ts";
import type { MicroLearnConfig } from "./config.ts";
import { promptPieces } from "./corpus.ts";
import type { TrainedModel } from "./pretrain.ts";

export const ANNOTATED_FILE = "annotated.jsonl";

/** Rows as a trace file of this domain has them before annotation. */
function microRows(split: Split, seed: number, count: number): TraceRow[] {
  return Array.from({ length: count }, (_, index) => {
    const { problem, text, trace } = microExample(split, seed, index);
    return { id: problem.id, problem: text, trace: trace.text, answer: String(problem.answer) };
  });
}

export interface Annotated {
  readonly rows: readonly TraceRow[];
  readonly share: number;
  readonly threshold: number;
  readonly spans: number;
}

/**
 * Annotates, or reads the rows that the work folder has. Scores are kept as they come, so a run that was stopped or killed continues to the
 * same bytes.
 * @throws SplitReasonError with code `aborted` when the signal stops it; ConfigError when another process annotates here.
 */
export async function annotateMicro(
  { annotation, seed }: Pick<MicroLearnConfig, "annotation" | "seed">,
  models: { readonly small: TrainedModel; readonly big: TrainedModel },
  options: {
    readonly folder: string;
    /** Pairs of engines, each with traces of its own. Default 1; the scores are the same. */
    readonly threads?: number;
    readonly onProgress?: (done: number, total: number) => void;
    readonly signal?: AbortSignal;
  },
): Promise<Annotated> {
  const { folder, signal, onProgress } = options;
  const path = join(folder, ANNOTATED_FILE);
  const identity = digestOf({
    annotation,
    seed,
    models: [weightsDigest(models.small), weightsDigest(models.big)],
  });
  const known = await readSummary(folder, identity);
  if (known !== undefined) return { rows: await readJsonLines(path, traceRowSchema), ...known };
  const { traces, ...gap } = annotation;
  const plain = microRows("train", seed + UNSEEN_SEED, traces);
  // Each configuration has its own name, so half-done work of other settings is not in the way.
  const out = join(folder, `annotating-${identity}.jsonl`);
  await using pair = await openScoring(models, signal);
  await using others = await openCopies((options.threads ?? 1) - 1, () => openScoring(models, signal));
  const annotator = new ScoringAnnotator({
    ...pair,
    copies: others.copies,
    ...gap,
    models: { identity },
    prompt: (problem) => ({ small: promptPieces(problem), big: promptPieces(problem) }),
  });
  const { spans, failures } = await annotate({
    annotator,
    rows: () => each(plain),
    out,
    // Rows of earlier runs say nothing about the remaining time.
    onProgress: ({ done, before, total }) => {
      if (done > before) onProgress?.(done, total);
    },
    ...(signal === undefined ? {} : { signal }),
  });
  const failed = Object.entries(failures).map(([kind, count]) => `${count} ${kind}`);
  if (failed.length > 0) {
    throw new DataError(`traces that cannot be annotated: ${failed.join(", ")}; see ${failedPath(out)}.`, {
      code: "data-invalid",
    });
  }
  await rename(out, path);
  const { share, threshold } = annotator.chosen;
  const summary: Summary = { identity, share, threshold, spans };
  await writeFileAtomic(join(folder, SUMMARY_FILE), `${JSON.stringify(summary)}\n`);
  await rm(journalPath(out), { force: true });
  return { rows: await readJsonLines(path, traceRowSchema), share, threshold, spans };
}

async function openScoring(
  models: { readonly small: TrainedModel; readonly big: TrainedModel },
  signal: AbortSignal | undefined,
) {
  const open = ({ gguf }: TrainedModel) => openEngine(`gguf:${gguf}`, { threads: 1, sequences: 1 }, signal);
  const small = await open(models.small);
  try {
    const big = await open(models.big);
    return {
      small,
      big,
      [Symbol.asyncDispose]: async () => {
        await Promise.all([small.close(), big.close()]);
      },
    };
  } catch (error) {
    await small.close();
    throw error;
  }
}

/** Several resources of one kind, disposed of together. */
async function openCopies<T extends AsyncDisposable>(count: number, open: () => Promise<T>) {
  const copies: T[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(copies.map((copy) => copy[Symbol.asyncDispose]()));
  };
  try {
    while (copies.length < count) copies.push(await open());
  } catch (error) {
    await dispose();
    throw error;
  }
  return { copies, [Symbol.asyncDispose]: dispose };
}

async function* each(rows: readonly TraceRow[]): AsyncGenerator<TraceRow> {
  yield* rows;
}

const SUMMARY_FILE = "annotated.json";
const summarySchema = z.object({
  identity: z.string(),
  share: z.number(),
  threshold: z.number(),
  spans: z.number(),
});
type Summary = z.output<typeof summarySchema>;

const weightsDigest = ({ weights }: TrainedModel): string =>
  digestOfBytes(
    [...weights.values()].map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );

/** Undefined when there are no rows, or they are of other models or another configuration. */
async function readSummary(folder: string, identity: string): Promise<Omit<Summary, "identity"> | undefined> {
  const summary = await ifExists(
    readDocument(join(folder, SUMMARY_FILE), summarySchema, { source: "file" }),
  ).catch(() => undefined);
  if (summary?.identity !== identity) return undefined;
  const { share, threshold, spans } = summary;
  return { share, threshold, spans };
}
