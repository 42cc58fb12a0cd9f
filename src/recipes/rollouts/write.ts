/** Turns the samples of a journal into annotated rows. It asks no model anything: the small one's vocabulary only checks the tokens. */
import { ConfigError } from "../../core/errors.ts";
import { controlPiece } from "../../core/piece.ts";
import type { AnnotationJournal } from "../../data/annotate/journal.ts";
import { TRACE_COLUMNS } from "../../data/writers/parquet-schema.ts";
import { openRowWriter } from "../../data/writers/row-writer.ts";
import type { Engine } from "../../engines/engine.ts";
import type { Task, TaskProblem } from "../../eval/tasks/task.ts";
import type { RolloutFacts, Span, TraceRow } from "../../formats/trace-row.ts";
import { type TagPair, wrapSpansAsPieces } from "../../tags/index.ts";
import { type ChoiceOptions, chooseSamples, type Rejection, shareOf, textOf } from "./choice.ts";
import { type Grain, widenSpans } from "./grain.ts";
import { type Sample, sampledIds, sampleSchema } from "./sample.ts";

export interface RowCounts {
  /** Samples that the grader calls right, whether they became rows or not. */
  readonly right: number;
  readonly rows: number;
  /** Rows without a span: the small model solved the problem by itself. */
  readonly unaided: number;
  /** Samples that are no rows, by reason. */
  readonly rejected: Readonly<Partial<Record<Rejection, number>>>;
  readonly spans: number;
  readonly spansPerRow: number;
  /** The big model's tokens of those in the rows, as they were decoded. */
  readonly share: number;
  /** Tokens in spans of those in the rows, as training encodes them. Absent where the small model's ids are not known. */
  readonly spanShare?: number;
  /** Rows whose text encodes to the very tokens that were sampled, to others, and those of which that is not known. */
  readonly tokens: { readonly same: number; readonly other: number; readonly unknown: number };
}

export interface WriteOptions {
  readonly task: Task;
  /** The pair's tags, which the question names. The trace has none. */
  readonly tags: TagPair;
  readonly problems: readonly TaskProblem[];
  readonly samples: number;
  readonly journal: AnnotationJournal;
  readonly small: Engine;
  readonly grain: Grain;
  readonly choice: ChoiceOptions;
  readonly facts: Omit<RolloutFacts, "problem" | "sample" | "seed" | "tokens" | "share" | "sameTokens">;
  readonly out: string;
  readonly signal: AbortSignal;
}

/** Writes the rows in the order of the problems, those of one problem with the cheapest first. */
export async function writeRollouts(options: WriteOptions): Promise<RowCounts> {
  const { problems, samples, journal, choice, tags, out, signal } = options;
  const tally = new RolloutTally();
  const file = await openRowWriter(out, TRACE_COLUMNS);
  try {
    for (const [index, problem] of problems.entries()) {
      signal.throwIfAborted();
      const known = journal.factsOf(index).map((fact) => sampleSchema.parse(fact));
      // A journal may have more samples than this call asks for.
      const chosen = chooseSamples(
        known.filter(({ sample }) => sample < samples),
        choice,
        tags,
      );
      tally.chosen(
        known.filter(({ sample, correct }) => sample < samples && correct).length,
        chosen.rejected,
      );
      for (const sample of chosen.kept) {
        const { row, tokens } = await rowOf(problem, sample, options);
        tally.row(row, sample, tokens);
        await file.write(row);
      }
    }
    await file.close();
  } finally {
    await file.abort();
  }
  return tally.counts;
}

interface RowTokens {
  readonly inSpans: number;
  readonly all: number;
  readonly same: boolean;
}

async function rowOf(
  problem: TaskProblem,
  sample: Sample,
  { task, tags, grain, facts, small }: WriteOptions,
): Promise<{ readonly row: TraceRow; readonly tokens: RowTokens | undefined }> {
  const trace = textOf(sample);
  const spans = widenSpans(trace, writtenByBig(sample), grain);
  const tokens = await tokensOf(small, trace, spans, sample);
  const row: TraceRow = {
    id: `${problem.id}#${sample.sample}`,
    problem: questionOf(task, problem, tags),
    trace,
    answer: problem.gold,
    spans,
    annotator: "rollouts",
    correct: sample.correct,
    rollout: {
      ...facts,
      problem: problem.id,
      sample: sample.sample,
      seed: sample.seed,
      tokens: sample.smallTokens + sample.bigTokens,
      share: shareOf(sample),
      ...(tokens === undefined ? {} : { sameTokens: tokens.same }),
    },
  };
  return { row, tokens };
}

function writtenByBig({ parts }: Sample): Span[] {
  const spans: Span[] = [];
  let at = 0;
  for (const { author, text } of parts) {
    if (author === "big" && text !== "") spans.push({ start: at, end: at + text.length });
    at += text.length;
  }
  return spans;
}

/** Encodes the trace as training does, piece by piece between the tags. */
async function tokensOf(
  small: Engine,
  trace: string,
  spans: readonly Span[],
  sample: Sample,
): Promise<RowTokens | undefined> {
  const sampled = sampledIds(sample.parts);
  if (sampled === undefined || small.tokenize === undefined) return undefined;
  const encoded: number[] = [];
  let inSpans = 0;
  let inside = false;
  for (const piece of wrapSpansAsPieces(trace, spans)) {
    if (piece.control === true) {
      inside = !inside;
      continue;
    }
    const ids = await small.tokenize([controlPiece(piece.text)]);
    if (inside) inSpans += ids.length;
    for (const id of ids) encoded.push(id);
  }
  const same = encoded.length === sampled.length && encoded.every((id, index) => id === sampled[index]);
  return { inSpans, all: encoded.length, same };
}

/** The user's turn as the small model reads it when it may ask by itself. */
function questionOf(task: Task, problem: TaskProblem, tags: TagPair): string {
  const messages = task.hintedMessages?.(problem, tags) ?? task.messages(problem);
  const [message] = messages;
  if (message?.role === "user" && messages.length === 1) return message.content;
  throw new ConfigError(`task ${task.name} asks with several messages; a trace row has one question.`, {
    code: "config-invalid",
  });
}

class RolloutTally {
  #right = 0;
  #rows = 0;
  #unaided = 0;
  #spans = 0;
  #small = 0;
  #big = 0;
  #inSpans = 0;
  #encoded = 0;
  readonly #rejected = new Map<Rejection, number>();
  readonly #tokens = { same: 0, other: 0, unknown: 0 };

  chosen(right: number, rejected: readonly Rejection[]): void {
    this.#right += right;
    for (const reason of rejected) this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + 1);
  }

  row({ spans = [] }: TraceRow, { smallTokens, bigTokens }: Sample, tokens: RowTokens | undefined): void {
    this.#rows++;
    this.#spans += spans.length;
    if (spans.length === 0) this.#unaided++;
    this.#small += smallTokens;
    this.#big += bigTokens;
    this.#inSpans += tokens?.inSpans ?? 0;
    this.#encoded += tokens?.all ?? 0;
    this.#tokens[tokens === undefined ? "unknown" : tokens.same ? "same" : "other"]++;
  }

  get counts(): RowCounts {
    const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
    return {
      right: this.#right,
      rows: this.#rows,
      unaided: this.#unaided,
      rejected: Object.fromEntries(this.#rejected),
      spans: this.#spans,
      spansPerRow: ratio(this.#spans, this.#rows),
      share: ratio(this.#big, this.#small + this.#big),
      ...(this.#encoded === 0 ? {} : { spanShare: this.#inSpans / this.#encoded }),
      tokens: this.#tokens,
    };
  }
}
