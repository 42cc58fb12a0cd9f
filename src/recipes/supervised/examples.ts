/** From a data source to what a supervised run learns and is watched on. */
import { ConfigError, DataError } from "../../core/errors.ts";
import { fromTraceRow, type TrainingRow, trainingRows } from "../../data/training-rows.ts";
import { microExample, type Split } from "../../micro/index.ts";
import { OFFLOAD_TAGS } from "../../tags/index.ts";
import { ChatTemplate } from "../../tokenizer/chat-template.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { PackedExamples } from "../../train/supervised/packed-examples.ts";
import { traceRowDatum } from "../../train/supervised/trace-datum.ts";
import type { Datum } from "../../train/trainer.ts";

const DEFAULT_MICRO_ROWS = 10_000;

/** Rows one after the other: all of a large data set at once would not fit into memory. */
export interface SourceRows {
  rows(): AsyncIterable<TrainingRow>;
  /** Rows kept apart, where they are not the last of `rows`. */
  readonly heldOut?: readonly TrainingRow[];
}

/**
 * Rows of `data`: a file, or problems of the micro domain, of which other ones are held out.
 * @throws ConfigError when there is none.
 */
export function openSource(data: string, heldOut: number, seed: number): SourceRows {
  const micro = /^micro(?::(\d+))?$/u.exec(data);
  if (micro === null) return { rows: () => trainingRows(data) };
  const count = micro[1] === undefined ? DEFAULT_MICRO_ROWS : Number(micro[1]);
  if (count === 0)
    throw new ConfigError(`data ${data}: it needs at least one row.`, { code: "config-invalid" });
  return {
    rows: async function* () {
      yield* microRows("train", seed, count);
    },
    heldOut: microRows("validation", seed, heldOut),
  };
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

export interface ExampleSet {
  readonly examples: PackedExamples;
  /** Indices of those that are learnt, and of those kept apart: of a file the last `heldOut`, at most half. */
  readonly training: readonly number[];
  readonly heldOut: readonly number[];
}

/**
 * Encodes every row of `source`.
 * @throws DataError when a file cannot be used; ConfigError when rows have spans and the vocabulary has no tags to put around them.
 */
export async function readExamples(
  source: SourceRows,
  heldOut: number,
  tokenizer: Tokenizer,
  options: ExampleOptions,
): Promise<ExampleSet> {
  const encode = rowEncoder(tokenizer, options);
  const examples = new PackedExamples();
  for await (const row of source.rows()) examples.add(encode(row));
  const kept = source.heldOut === undefined ? Math.min(heldOut, Math.floor(examples.length / 2)) : 0;
  const learnt = examples.length - kept;
  for (const row of source.heldOut ?? []) examples.add(encode(row));
  const indices = Array.from({ length: examples.length }, (_, index) => index);
  return { examples, training: indices.slice(0, learnt), heldOut: indices.slice(learnt) };
}

function rowEncoder(tokenizer: Tokenizer, options: ExampleOptions): (row: TrainingRow) => Datum {
  const { template: source, openThinking, endOfTurn, spanWeight } = options;
  const missing = [OFFLOAD_TAGS.open, OFFLOAD_TAGS.close].filter(
    (tag) => tokenizer.controlId(tag) === undefined,
  );
  const template = new ChatTemplate(source);
  return ({ messages, trace, spans }) => {
    if (missing.length > 0 && spans.length > 0) {
      throw new ConfigError(
        `the data has spans to hand over, but ${missing.join(" and ")} are no control tokens of the model's vocabulary: ` +
          `splitreason train add-tags --model FOLDER --out NEW makes a copy that has them.`,
        { code: "config-invalid" },
      );
    }
    return traceRowDatum(
      tokenizer,
      { id: "", problem: "", trace, spans: [...spans] },
      { prompt: () => template.render(messages, { openThinking }), endOfTurn, spanWeight },
    );
  };
}

/** Of `indices`, those of examples that fit into `length` tokens. @throws DataError when none does. */
export function fitting(examples: PackedExamples, indices: readonly number[], length: number): number[] {
  const fit = indices.filter((index) => examples.tokensOf(index) <= length);
  if (fit.length > 0 || indices.length === 0) return fit;
  const shortest = indices.reduce((least, index) => Math.min(least, examples.tokensOf(index)), Infinity);
  throw new DataError(
    `no example fits into ${length} tokens, the shortest has ${shortest}: raise rowLength.`,
    {
      code: "data-invalid",
    },
  );
}
