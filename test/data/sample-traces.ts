/** Annotated traces for tests: the micro domain's own, marked by what its generator knows and by a second annotator that is sometimes wrong. */
import { createRng } from "../../src/core/rng.ts";
import type { Span, TraceRow } from "../../src/formats/trace-row.ts";
import { microExample, type Trace } from "../../src/micro/index.ts";

/** `count` traces, each twice: by `truth` and by `gap`, the latter with scores. The same seed gives the same. */
export function sampleTraces(count: number, seed: number): { truth: TraceRow[]; gap: TraceRow[] } {
  const rng = createRng(seed);
  const truth: TraceRow[] = [];
  const gap: TraceRow[] = [];
  for (let index = 0; index < count; index++) {
    const { problem, text, trace } = microExample("train", seed, index);
    const base = {
      id: problem.id,
      problem: text,
      trace: trace.text,
      answer: String(problem.answer),
      source: index % 3 === 0 ? "three steps" : "more steps",
    };
    const hard = hardParts(trace);
    truth.push({ ...base, spans: hard, annotator: "truth" });
    const offsets = [...trace.text.matchAll(/\s*\S+/gu)].map((match) => match.index);
    const scores = offsets.map((offset) => {
      const inside = hard.some(({ start, end }) => offset >= start && offset < end);
      // JSON has no negative zero.
      return Math.round(100 * (inside ? 1 + 2.5 * rng.next() : 0.6 * rng.next() - 0.2)) / 100 + 0;
    });
    const found = hard
      .filter(() => rng.next() < 0.8)
      .map(({ start, end }) => ({
        start,
        end: rng.next() < 0.5 ? end : Math.max(start + 1, end - 4),
        score: 3,
      }));
    gap.push({ ...base, spans: found, annotator: "gap", scores: { offsets, gap: scores } });
  }
  return { truth, gap };
}

/** The products: what the generator knows to be hard, each with the space before it. */
function hardParts(trace: Trace): Span[] {
  let offset = 0;
  return trace.parts.flatMap(({ text, skill }) => {
    const start = offset;
    offset += text.length;
    return skill === "product" ? [{ start, end: offset }] : [];
  });
}
