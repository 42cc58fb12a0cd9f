/** Draws the traces that the page's reader holds: random problems, each with its traces in all arms of all runs. */
import { HashSample } from "../../core/hash-sample.ts";
import { cutSegments, cutText } from "./cut.ts";
import type { PageProblem, PageReader, PageTrace } from "./page-data.ts";
import type { RecordedRow } from "../row.ts";
import { isOwnSpan } from "./span-tally.ts";

export interface TraceSampleLimits {
  readonly problems: number;
  /** How many samples of each problem in each arm, from the first. */
  readonly samples: number;
  /** UTF-16 code units of one trace. A longer one is cut in the middle, and says so. */
  readonly traceUnits: number;
  /** UTF-16 code units of all traces together. */
  readonly units: number;
}

const TRACE_SAMPLE_LIMITS: TraceSampleLimits = {
  problems: 100,
  samples: 4,
  traceUnits: 200_000,
  units: 8_000_000,
};

/** UTF-16 code units of a problem and of an answer. */
const MAX_PROBLEM_UNITS = 20_000;
const MAX_ANSWER_UNITS = 500;
/** Size of a trace besides its texts. */
const TRACE_UNITS = 200;

interface Held {
  readonly task: string;
  readonly row: Pick<RecordedRow, "problemId" | "problem" | "gold">;
  readonly trace: PageTrace;
}

export class TraceSample {
  readonly #limits: TraceSampleLimits;
  readonly #sample: HashSample<Held>;
  readonly #problems = new Set<string>();
  #laterSamples = 0;

  constructor(limits: Partial<TraceSampleLimits>, seed: number) {
    this.#limits = { ...TRACE_SAMPLE_LIMITS, ...limits };
    const { problems, units } = this.#limits;
    this.#sample = new HashSample({ groups: problems, units }, seed, unitsOf);
  }

  /** `key` identifies the problem over all runs. */
  add(key: string, task: string, row: RecordedRow, arm: number): void {
    this.#problems.add(key);
    if (row.sample >= this.#limits.samples) this.#laterSamples += 1;
    else if (this.#sample.takes(key)) this.#sample.add(key, held(task, row, arm, this.#limits.traceUnits));
  }

  reader(): PageReader {
    const problems = this.#sample.groups().map(({ items }) => pageProblem(items));
    return { problems, problemsInAll: this.#problems.size, leftOut: this.#leftOut(problems) };
  }

  #leftOut(problems: readonly PageProblem[]): string[] {
    const { units, samples, traceUnits, problems: limit } = this.#limits;
    const [all, held] = [this.#problems.size, problems.length];
    const words: string[] = [];
    if (held < all) {
      const why =
        held === Math.min(limit, all)
          ? ""
          : ` (a page holds at most ${units.toLocaleString("en-US")} characters)`;
      words.push(`${held} of ${all.toLocaleString("en-US")} problems are here, drawn at random${why}.`);
    }
    if (this.#laterSamples > 0) {
      words.push(`Of each problem the first ${samples} samples in each arm are here.`);
    }
    const cut = problems
      .flatMap(({ traces }) => traces)
      .filter(({ segments }) => segments.some((segment) => segment.cut !== undefined)).length;
    if (cut > 0) {
      words.push(
        `${cut} ${cut === 1 ? "trace is" : "traces are"} longer than ${traceUnits.toLocaleString("en-US")} characters or 4,000 segments and cut in the middle; the place says by how much.`,
      );
    }
    return words;
  }
}

function held(task: string, row: RecordedRow, arm: number, traceUnits: number): Held {
  const { problemId, problem, gold, sample, correct, answer, finishReason, error, degraded, usage } = row;
  // Rows of other programs may have a text and no segments.
  const segments: readonly PageTrace["segments"][number][] =
    row.segments.length === 0 && row.text !== ""
      ? [{ author: "small", text: row.text }]
      : row.segments.map((segment) => ({
          author: segment.author,
          ...(isOwnSpan(segment) ? { own: true as const } : {}),
          text: segment.text,
        }));
  return {
    task,
    row: {
      problemId,
      problem: cutText(problem, MAX_PROBLEM_UNITS),
      gold: cutText(gold, MAX_ANSWER_UNITS),
    },
    trace: {
      arm,
      sample,
      correct,
      answer: answer === null ? null : cutText(answer, MAX_ANSWER_UNITS),
      finishReason: cutText(finishReason, MAX_ANSWER_UNITS),
      ...(error === undefined ? {} : { error: cutText(error, MAX_ANSWER_UNITS) }),
      ...(degraded === undefined ? {} : { degraded: cutText(degraded, MAX_ANSWER_UNITS) }),
      smallTokens: usage.smallTokens,
      bigTokens: usage.bigTokens,
      ...(row.wallMs === undefined ? {} : { wallMs: row.wallMs }),
      segments: cutSegments(segments, traceUnits),
    },
  };
}

function pageProblem(items: readonly Held[]): PageProblem {
  const [first] = items;
  return {
    id: first?.row.problemId ?? "",
    task: first?.task ?? "",
    problem: first?.row.problem ?? "",
    gold: first?.row.gold ?? "",
    traces: items
      .map(({ trace }) => trace)
      .sort((left, right) => left.arm - right.arm || left.sample - right.sample),
  };
}

const unitsOf = ({ row, trace }: Held): number =>
  TRACE_UNITS + row.problem.length + trace.segments.reduce((sum, { text }) => sum + text.length + 40, 0);
