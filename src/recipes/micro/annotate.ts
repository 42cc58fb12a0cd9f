/** Training traces of the micro domain, annotated by the pair itself. */
import { join } from "node:path";

import { writeFileAtomic } from "../../core/files.ts";
import { annotateByGap, type AnnotateResult } from "../../data/index.ts";
import type { Engine } from "../../engines/engine.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import { microExample, type Split } from "../../micro/index.ts";
import type { MicroBuildConfig } from "./config.ts";
import { promptPieces } from "./corpus.ts";

export const ANNOTATED_FILE = "annotated.jsonl";
/** Other problems than those that pre-training saw. */
const ANNOTATION_SEED = 1_000_003;

/** Plain rows: what a trace file of this domain looks like before annotation. */
export function microRows(split: Split, seed: number, count: number): TraceRow[] {
  return Array.from({ length: count }, (_, index) => {
    const { problem, text, trace } = microExample(split, seed, index);
    return { id: problem.id, problem: text, trace: trace.text, answer: String(problem.answer) };
  });
}

export async function annotateMicro(
  config: MicroBuildConfig,
  engines: { readonly small: Engine; readonly big: Engine },
  options: {
    readonly folder: string;
    readonly onProgress?: (done: number, total: number) => void;
    readonly signal?: AbortSignal;
  },
): Promise<AnnotateResult> {
  const { traces, ...gap } = config.annotation;
  const { folder, ...progress } = options;
  const result = await annotateByGap(microRows("train", config.seed + ANNOTATION_SEED, traces), {
    ...engines,
    ...gap,
    ...progress,
    prompt: (problem) => ({ small: promptPieces(problem), big: promptPieces(problem) }),
  });
  const lines = result.rows.map((row) => JSON.stringify(row));
  await writeFileAtomic(join(folder, ANNOTATED_FILE), `${lines.join("\n")}\n`);
  return result;
}
