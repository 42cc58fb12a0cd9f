/** Annotation by a strong model that quotes the hardest parts of a trace (Paper 3.2), over any OpenAI-compatible chat endpoint. */
import { z } from "zod";

import { EngineError } from "../../../core/errors.ts";
import type { TraceRow } from "../../../formats/trace-row.ts";
import type { Annotator, Examination, ExamineContext, Placement } from "../annotator.ts";
import { chainOfThought } from "../../../tags/chain-of-thought.ts";
import { readAnswer } from "./answer.ts";
import { MERGE_DISTANCE, placesToSpans, TraceBoundaries } from "./boundaries.ts";
import type { Budget } from "./budget.ts";
import type { AskOutcome, Chat } from "./chat.ts";
import { LOCATE_DEFAULTS, locateSnippets, type Place, TraceText } from "./locate.ts";
import { annotationPrompt, PROMPT_VERSION } from "./prompt.ts";

export interface LlmAnnotatorOptions {
  readonly chat: Chat;
  readonly budget: Budget;
  /** Name of the model at the endpoint. */
  readonly model: string;
  /** Wanted share of the chain of thought, 0 to 1 (Paper 3.2: .2). */
  readonly share: number;
  readonly minimumSimilarity?: number;
  readonly mergeDistance?: number;
  readonly concurrency: number;
  /** Most tokens of an answer beyond the wanted share: room for a model that thinks first. */
  readonly extraTokens?: number;
}

/** Temperatures of the attempts at one row (Paper 3.2). */
const TEMPERATURES = [0, 0.3, 0.6] as const;
/** An answer that marks a larger share of a trace has chosen nothing. */
const MOST_SHARE = 0.7;
const EXTRA_TOKENS = 1024;
/** After this many consecutive rows without an answer the endpoint counts as down. */
const MOST_ROWS_AWAY = 3;

const factSchema = z.object({
  attempt: z.int().nonnegative(),
  format: z.enum(["schema", "marks"]),
  text: z.string(),
  finish: z.string(),
  promptTokens: z.number().nonnegative(),
  completionTokens: z.number().nonnegative(),
  isCounted: z.boolean(),
});
type Answer = z.output<typeof factSchema>;

/** The judgement of one answer. */
interface Judgement {
  readonly snippets: number;
  readonly places: readonly Place[];
  readonly located: number;
  readonly placement: Placement;
  /** Whether asking again can gain nothing. */
  readonly isGood: boolean;
}

/** Counts how snippets were found, over the rows placed so far. */
export interface LocationCounts {
  exact: number;
  normalised: number;
  approximate: number;
  absent: number;
  /** Edits of all approximate places. */
  edits: number;
}

export class LlmAnnotator implements Annotator {
  readonly name = "llm";
  readonly identity: Readonly<Record<string, unknown>>;
  readonly concurrency: number;
  readonly locations: LocationCounts = { exact: 0, normalised: 0, approximate: 0, absent: 0, edits: 0 };
  readonly #options: LlmAnnotatorOptions;
  #rowsAway = 0;

  constructor(options: LlmAnnotatorOptions) {
    this.#options = options;
    this.concurrency = options.concurrency;
    const { model, share } = options;
    // Settings for locating snippets are no part of it: kept answers can be read again with other settings.
    this.identity = { model, share, prompt: PROMPT_VERSION };
  }

  recall(facts: readonly unknown[]): void {
    for (const answer of answersFrom(facts)) this.#options.budget.add(answer);
  }

  /** Placing begins again, so the counts start at zero. */
  async survey(): Promise<void> {
    Object.assign(this.locations, { exact: 0, normalised: 0, approximate: 0, absent: 0, edits: 0 });
  }

  /** @throws EngineError when the endpoint will answer no question. */
  async examine(row: TraceRow, context: ExamineContext): Promise<Examination> {
    const { share, chat, extraTokens = EXTRA_TOKENS } = this.#options;
    const thought = chainOfThought(row.trace);
    if (thought.trim() === "")
      return { status: "failed", kind: "empty", reason: "no chain of thought before </think>" };
    const answers = answersFrom(context.known);
    const reader = new RowReader(thought, this.#options);
    while (reader.verdict(answers).status === "pending") {
      const attempt = answers.length;
      const outcome = await chat.ask(
        {
          messages: (format) => annotationPrompt(row.problem, thought, share, format),
          temperature: TEMPERATURES[attempt] ?? 0,
          maxTokens: Math.ceil(thought.length * share) + extraTokens,
          idempotencyKey: `splitreason-${context.key}-${attempt}`,
        },
        context,
      );
      if (outcome.status !== "answered") return this.#withoutAnswer(outcome);
      const { text, finish, format, usage, isCounted } = outcome;
      const answer: Answer = { attempt, format, text, finish, ...usage, isCounted };
      context.keep(answer);
      answers.push(answer);
      this.#rowsAway = 0;
    }
    return { status: "examined" };
  }

  place(row: TraceRow, facts: readonly unknown[]): Placement {
    const { judgement, ...verdict } = new RowReader(chainOfThought(row.trace), this.#options).verdict(
      answersFrom(facts),
    );
    if (verdict.status !== "judged" || judgement === undefined) return { status: "pending" };
    for (const place of judgement.places) {
      if (place.status === "found") {
        this.locations[place.method]++;
        this.locations.edits += place.edits;
      } else this.locations.absent++;
    }
    return judgement.placement;
  }

  #withoutAnswer(outcome: Exclude<AskOutcome, { readonly status: "answered" }>): Examination {
    switch (outcome.status) {
      case "out-of-budget":
        return outcome;
      case "refused":
        return { status: "failed", kind: "refused", reason: outcome.reason };
      case "impossible":
        throw new EngineError(
          `${this.#options.model}: the endpoint refuses every request (${outcome.reason}); look at the address, the model's name, ` +
            `--key-env and the account. The same command then continues.`,
          { code: "engine-failed" },
        );
      case "unavailable":
        this.#rowsAway++;
        if (this.#rowsAway >= MOST_ROWS_AWAY) {
          throw new EngineError(
            `${this.#options.model}: no answer for ${this.#rowsAway} consecutive rows, the last time ${outcome.reason}; the same command ` +
              `continues, and --retry-failed asks again for the rows that failed.`,
            { code: "engine-unavailable", retryable: true },
          );
        }
        return { status: "failed", kind: outcome.kind, reason: outcome.reason };
      default:
        return outcome satisfies never;
    }
  }
}

const answersFrom = (facts: readonly unknown[]): Answer[] => z.array(factSchema).parse(facts);

type Verdict =
  | { readonly status: "pending"; readonly judgement?: undefined }
  | { readonly status: "judged"; readonly judgement: Judgement };

/** Reads the answers about one trace. A pure function of trace and answers. */
class RowReader {
  readonly #trace: TraceText;
  readonly #options: Pick<LlmAnnotatorOptions, "minimumSimilarity" | "mergeDistance">;
  #boundaries: TraceBoundaries | undefined;

  constructor(thought: string, options: Pick<LlmAnnotatorOptions, "minimumSimilarity" | "mergeDistance">) {
    this.#trace = new TraceText(thought);
    this.#options = options;
  }

  /** Takes the first good answer; after the last attempt, the answer with the most snippets found. */
  verdict(answers: readonly Answer[]): Verdict {
    const judgements: Judgement[] = [];
    for (const answer of answers) {
      const judgement = this.#judge(answer);
      if (judgement.isGood) return { status: "judged", judgement };
      judgements.push(judgement);
    }
    if (answers.length < TEMPERATURES.length) return { status: "pending" };
    const usable = judgements.filter(({ placement }) => placement.status === "annotated");
    const [best] = (usable.length > 0 ? usable : judgements).sort(
      (left, right) => right.located - left.located || right.snippets - left.snippets,
    );
    return best === undefined ? { status: "pending" } : { status: "judged", judgement: best };
  }

  #judge({ text, finish }: Answer): Judgement {
    const { snippets, isWhole } = readAnswer(text);
    const { minimumSimilarity = LOCATE_DEFAULTS.minimumSimilarity, mergeDistance = MERGE_DISTANCE } =
      this.#options;
    const places = locateSnippets(this.#trace, snippets, { ...LOCATE_DEFAULTS, minimumSimilarity });
    const located = places.filter(({ status }) => status === "found").length;
    this.#boundaries ??= new TraceBoundaries(this.#trace.text);
    const spans = placesToSpans(places, this.#boundaries, mergeDistance);
    const marked = spans.reduce((sum, span) => sum + span.end - span.start, 0) / this.#trace.text.length;
    const placement = placementFor(snippets.length, spans, marked);
    return {
      snippets: snippets.length,
      places,
      located,
      placement,
      isGood:
        placement.status === "annotated" && isWhole && finish !== "length" && 2 * located >= snippets.length,
    };
  }
}

function placementFor(snippets: number, spans: ReturnType<typeof placesToSpans>, marked: number): Placement {
  if (snippets === 0)
    return { status: "failed", kind: "no-snippets", reason: "no answer had a snippet in it" };
  if (spans.length === 0) {
    return { status: "failed", kind: "not-located", reason: `none of ${snippets} snippets is in the trace` };
  }
  if (marked > MOST_SHARE) {
    return {
      status: "failed",
      kind: "too-much",
      reason: `${Math.round(100 * marked)}% of the trace was marked`,
    };
  }
  return { status: "annotated", spans };
}
