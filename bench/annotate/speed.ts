/** Time to locate snippets in one long trace, ours and the reference's procedure taking turns. */
import type { Rng } from "../../src/core/rng.ts";
import { TraceBoundaries } from "../../src/data/annotate/llm/boundaries.ts";
import { locateSnippets, TraceText } from "../../src/data/annotate/llm/locate.ts";
import { CORRUPTIONS, passage } from "../../test/data/annotate/corruptions.ts";
import { voice } from "../../test/data/annotate/re-voiced.ts";
import { workedProblems } from "../../test/data/annotate/worked-problems.ts";
import { inTurns, median, ratiosOf } from "../support/rounds.ts";
import { locateAsReference } from "./reference-matching.ts";

const CHARACTERS = 64_000;
const TOGETHER = 12;

export interface Speed {
  readonly characters: number;
  /** Medians, milliseconds a snippet. */
  readonly alone: number;
  readonly ours: number;
  readonly together: number;
  readonly reference: number;
  readonly skipping: number;
  /** Time of the reference over ours, with the trace prepared for one snippet: by round, and their median. */
  readonly ratio: number;
  readonly ratios: readonly number[];
}

export async function measureSpeed(rounds: number, rng: Rng): Promise<Speed> {
  const trace = voice(workedProblems(600, rng), rng, CHARACTERS);
  const text = trace.row.trace.slice(0, CHARACTERS);
  let snippets: string[] = [];
  const first = (): string => snippets[0] ?? "";
  const { alone, reference, ours, skipping } = await inTurns(
    {
      alone: () => {
        snippets = Array.from({ length: TOGETHER }, () => changed(trace, text, rng));
        return timed(() => placed(text, [first()]));
      },
      reference: () => timed(() => locateAsReference(first(), text, false)),
      ours: () => timed(() => placed(text, snippets)) / snippets.length,
      skipping: () => timed(() => locateAsReference(first(), text, true)),
    },
    // All arms of a round locate the same snippets, which the first one draws.
    { rounds, warmUp: 1, fixedOrder: true },
  );
  const ratios = ratiosOf(reference, alone);
  return {
    characters: text.length,
    alone: median(alone),
    ours: median(ours),
    together: TOGETHER,
    reference: median(reference),
    skipping: median(skipping),
    ratio: median(ratios),
    ratios,
  };
}

/** From a snippet that no short cut finds, as all of them go at worst. */
function changed(trace: ReturnType<typeof voice>, text: string, rng: Rng): string {
  for (;;) {
    const { start, end } = passage(trace, rng);
    if (end > text.length) continue;
    return CORRUPTIONS["several at once"](text.slice(start, end), rng);
  }
}

let consumed = 0;

function placed(text: string, snippets: readonly string[]): void {
  const boundaries = new TraceBoundaries(text);
  for (const place of locateSnippets(new TraceText(text), snippets)) {
    if (place.status === "found") consumed += boundaries.snap(place)?.end ?? 0;
  }
}

function timed(work: () => unknown): number {
  const startMs = performance.now();
  if (work() === null || consumed < 0) throw new Error("nothing was done");
  return performance.now() - startMs;
}
