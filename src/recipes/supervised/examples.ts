/** From a data source to what a supervised run learns and is watched on. */
import { ConfigError, DataError } from "../../core/errors.ts";
import { fromTraceRow, readTrainingRows, type TrainingRow } from "../../data/training-rows.ts";
import { microExample, type Split } from "../../micro/index.ts";
import { OFFLOAD_TAGS } from "../../tags/index.ts";
import { ChatTemplate } from "../../tokenizer/chat-template.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { traceRowDatum } from "../../train/trace-datum.ts";
import type { Datum } from "../../train/trainer.ts";

const DEFAULT_MICRO_ROWS = 10_000;

export interface SourceRows {
  readonly training: readonly TrainingRow[];
  readonly heldOut: readonly TrainingRow[];
}

/**
 * Rows of `data`; of a file, the last `heldOut` rows are kept apart (at most half), of the micro domain other problems are.
 * @throws DataError when the file cannot be used.
 */
export async function readSource(data: string, heldOut: number, seed: number): Promise<SourceRows> {
  const micro = /^micro(?::(\d+))?$/u.exec(data);
  if (micro !== null) {
    const count = micro[1] === undefined ? DEFAULT_MICRO_ROWS : Number(micro[1]);
    if (count === 0)
      throw new ConfigError(`data ${data}: it needs at least one row.`, { code: "config-invalid" });
    return { training: microRows("train", seed, count), heldOut: microRows("validation", seed, heldOut) };
  }
  const rows = await readTrainingRows(data);
  const kept = Math.min(heldOut, Math.floor(rows.length / 2));
  return { training: rows.slice(0, rows.length - kept), heldOut: rows.slice(rows.length - kept) };
}

function microRows(split: Split, seed: number, count: number): TrainingRow[] {
  return Array.from({ length: count }, (_, index) => {
    const { problem, text, trace } = microExample(split, seed, index);
    return fromTraceRow({ id: problem.id, problem: text, trace: trace.text });
  });
}

export interface ExampleOptions {
  readonly template: string;
  readonly openThinking: boolean;
  readonly endOfTurn: string;
  readonly spanWeight: number;
}

/** @throws ConfigError when rows have spans and the vocabulary has no tags to put around them. */
export function toExamples(
  rows: readonly TrainingRow[],
  tokenizer: Tokenizer,
  options: ExampleOptions,
): Datum[] {
  const { template: source, openThinking, endOfTurn, spanWeight } = options;
  const missing = [OFFLOAD_TAGS.open, OFFLOAD_TAGS.close].filter(
    (tag) => tokenizer.controlId(tag) === undefined,
  );
  if (missing.length > 0 && rows.some((row) => row.spans.length > 0)) {
    throw new ConfigError(
      `the data has spans to hand over, but ${missing.join(" and ")} are no control tokens of the model's vocabulary: ` +
        `splitreason train add-tags --model FOLDER --out NEW makes a copy that has them.`,
      { code: "config-invalid" },
    );
  }
  const template = new ChatTemplate(source);
  return rows.map(({ messages, trace, spans }) =>
    traceRowDatum(
      tokenizer,
      { id: "", problem: "", trace, spans: [...spans] },
      { prompt: () => template.render(messages, { openThinking }), endOfTurn, spanWeight },
    ),
  );
}

/** Those that fit into `length` tokens. @throws DataError when none does. */
export function fitting(examples: readonly Datum[], length: number): Datum[] {
  const fit = examples.filter((example) => example.tokens.length <= length);
  if (fit.length > 0 || examples.length === 0) return fit;
  const shortest = Math.min(...examples.map((example) => example.tokens.length));
  throw new DataError(
    `no example fits into ${length} tokens, the shortest has ${shortest}: raise rowLength.`,
    {
      code: "data-invalid",
    },
  );
}
