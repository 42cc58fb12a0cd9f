/** The examples of a supervised run, to train on and held out, from the rows of a data source. */
import { ConfigError, DataError } from "../../core/errors.ts";
import type { HubAccess } from "../../data/hub/calls.ts";
import { fromTraceRow, type TrainingRow, trainingRows } from "../../data/training-rows.ts";
import { microExample, type Split } from "../../micro/index.ts";
import { closesThought, requireTags, type TagPair } from "../../tags/index.ts";
import { ChatTemplate } from "../../tokenizer/chat-template.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { PackedExamples } from "../../train/supervised/packed-examples.ts";
import { traceRowDatum } from "../../train/supervised/trace-datum.ts";
import type { Datum } from "../../train/trainer.ts";

const DEFAULT_MICRO_ROWS = 10_000;

/** Rows of a data source, one at a time: a large data set would not fit into memory. */
export interface SourceRows {
  /** @param onSkip Called for each record that gives no row: a problem none of whose traces is known to be correct. */
  rows(onSkip?: () => void): AsyncIterable<TrainingRow>;
  /** Held-out rows, where they are not the last of `rows`. */
  readonly heldOut?: readonly TrainingRow[];
}

export interface SourceOptions {
  /** Number of held-out rows of the micro domain. */
  readonly heldOut: number;
  readonly seed: number;
  /** How the Hugging Face hub is reached. */
  readonly hub?: HubAccess;
  readonly signal?: AbortSignal;
}

/**
 * Opens `data`: whatever `data annotate` reads and writes, or problems of the micro domain. Of the latter, other ones are held out.
 * @throws ConfigError when there are none.
 */
export function openSource(data: string, { heldOut, seed, ...reading }: SourceOptions): SourceRows {
  const micro = /^micro(?::(\d+))?$/u.exec(data);
  if (micro === null) {
    return {
      rows: (onSkip) => trainingRows(data, { ...reading, ...(onSkip === undefined ? {} : { onSkip }) }),
    };
  }
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
  /** Default: whether the trace has `</think>`. */
  readonly openThinking: boolean | undefined;
  readonly endOfTurn: string;
  readonly spanWeight: number;
  readonly tags: TagPair;
  /** The model, in messages. */
  readonly model: string;
}

export interface ExampleSet {
  readonly examples: PackedExamples;
  /** Records that gave no row. */
  readonly skipped: number;
  /** Indices of the examples to train on, and of those held out. Of a file, the last `heldOut` are held out, at most half. */
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
  let skipped = 0;
  for await (const row of source.rows(() => (skipped += 1))) examples.add(encode(row));
  const kept = source.heldOut === undefined ? Math.min(heldOut, Math.floor(examples.length / 2)) : 0;
  const learned = examples.length - kept;
  for (const row of source.heldOut ?? []) examples.add(encode(row));
  const indices = Array.from({ length: examples.length }, (_, index) => index);
  return { examples, skipped, training: indices.slice(0, learned), heldOut: indices.slice(learned) };
}

function rowEncoder(tokenizer: Tokenizer, options: ExampleOptions): (row: TrainingRow) => Datum {
  const { template: source, endOfTurn, spanWeight, tags, model } = options;
  const template = new ChatTemplate(source);
  const isControlToken = (marker: string): boolean => tokenizer.controlId(marker) !== undefined;
  let isChecked = false;
  const checkTags = (): void => {
    if (!isChecked) requireTags(tags, { model, isControlToken, template: template.source });
    isChecked = true;
  };
  return ({ messages, trace, spans }) => {
    if (spans.length > 0) checkTags();
    const own = [tags.open, tags.close].find((tag) => trace.includes(tag));
    if (own !== undefined) {
      throw new DataError(
        `a trace holds the text ${own}, which is a tag of this run (tags): ${JSON.stringify(trace.slice(0, 80))}; leave the row out, or name other tags.`,
        { code: "data-invalid" },
      );
    }
    const openThinking = options.openThinking ?? closesThought(trace);
    return traceRowDatum(
      tokenizer,
      { id: "", problem: "", trace, spans: [...spans] },
      { prompt: () => template.render(messages, { openThinking }), endOfTurn, spanWeight, tags },
    );
  };
}

/** Keeps the indices of examples that fit into `length` tokens. @throws DataError when none fits. */
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
