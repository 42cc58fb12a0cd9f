import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { textPiece } from "../../core/piece.ts";
import { randomModel, ScriptedEngine } from "../../engines/scripted/index.ts";
import { type TraceRow, traceRowSchema } from "../../formats/trace-row.ts";
import { annotateByGap } from "./annotate.ts";
import { annotate } from "./run.ts";
import { ScoringAnnotator } from "./scoring-annotator.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-scoring-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const engines = () => ({
  small: new ScriptedEngine({ name: "small", next: randomModel({ seed: 1 }), contextSize: 160 }),
  big: new ScriptedEngine({ name: "big", next: randomModel({ seed: 2 }), contextSize: 160 }),
});
const prompt = (problem: string) => ({ small: [textPiece(problem)], big: [textPiece(problem)] });
const rows: TraceRow[] = Array.from({ length: 6 }, (_, index) => ({
  id: `r${index}`,
  problem: `add ${index}`,
  trace: `we take ${index} and 17, é 🙂 that is ${index + 17}. Good.\n</think>\nThe answer is ${index + 17}.`,
}));
const input = (list: readonly TraceRow[]) =>
  async function* () {
    yield* list;
  };
const written = (path: string): TraceRow[] =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => traceRowSchema.parse(JSON.parse(line)));

describe("ScoringAnnotator", () => {
  it.each([{ share: 0.2 }, { share: 0.5, smoothing: 1, mergeDistance: 4 }, { share: 1, minimumGap: 0 }])(
    "over a file it finds what the recipe finds in memory, to the bit: %o",
    async (options) => {
      const inMemory = await annotateByGap(rows, { ...engines(), prompt, ...options });
      const annotator = new ScoringAnnotator({ ...engines(), prompt, ...options });
      const out = join(folder, `${JSON.stringify(options).length}.jsonl`);
      await annotate({ annotator, rows: input(rows), out });
      expect(written(out)).toEqual(inMemory.rows);
      expect(annotator.chosen).toEqual({ threshold: inMemory.threshold, share: inMemory.share });
      expect(inMemory.spans).toBeGreaterThan(0);
    },
  );

  it("finds the same with copies of the models, which share the rows", async () => {
    const alone = join(folder, "alone.jsonl");
    await annotate({
      annotator: new ScoringAnnotator({ ...engines(), prompt }),
      rows: input(rows),
      out: alone,
    });
    const [first, second] = [engines(), engines()];
    const annotator = new ScoringAnnotator({ ...first, copies: [second], prompt });
    expect(annotator.concurrency).toBe(2);
    const out = join(folder, "copies.jsonl");
    await annotate({ annotator, rows: input(rows), out });
    expect(readFileSync(out)).toEqual(readFileSync(alone));
    const scored = ({ small, big }: typeof first) =>
      [small, big].map(({ log }) => log.filter(({ kind }) => kind === "score").length);
    expect(scored(first).map((count, index) => count + (scored(second)[index] ?? 0))).toEqual([6, 6]);
    expect(Math.min(...scored(first), ...scored(second))).toBeGreaterThan(0);
  });

  it("scores nothing twice, also for another share", async () => {
    const out = join(folder, "twice.jsonl");
    const first = engines();
    await annotate({
      annotator: new ScoringAnnotator({ ...first, prompt, share: 0.2 }),
      rows: input(rows),
      out,
    });
    const few = written(out).flatMap(({ spans = [] }) => spans).length;
    const second = engines();
    const annotator = new ScoringAnnotator({ ...second, prompt, share: 0.6, keepScores: true });
    await annotate({ annotator, rows: input(rows), out });
    expect(second.small.log).toEqual([]);
    expect(first.small.log.length).toBeGreaterThan(0);
    const marked = written(out);
    expect(marked.flatMap(({ spans = [] }) => spans).length).toBeGreaterThan(few);
    for (const { trace, scores } of marked) {
      const words = scores?.offsets.map((start, index) =>
        trace.slice(start, scores.offsets[index + 1] ?? trace.indexOf("\n</think>")),
      );
      expect(words?.slice(0, 3)).toEqual(["we", " take", ` ${trace[8]}`]);
      expect(scores?.gap).toHaveLength(words?.length ?? -1);
    }
  });

  it("entropy is the small model's surprise alone", async () => {
    const { small } = engines();
    const out = join(folder, "entropy.jsonl");
    const annotator = new ScoringAnnotator({ small, prompt, share: 0.3, keepScores: true });
    expect(annotator.name).toBe("entropy");
    await annotate({ annotator, rows: input(rows), out });
    for (const { annotator: name, scores } of written(out)) {
      expect(name).toBe("entropy");
      expect(Math.min(...(scores?.gap ?? []))).toBeGreaterThan(0);
    }
  });

  it("a row that fits no context fails alone", async () => {
    const out = join(folder, "long.jsonl");
    const long = { id: "long", problem: "p", trace: "word ".repeat(60) };
    const summary = await annotate({
      annotator: new ScoringAnnotator({ ...engines(), prompt }),
      rows: input([long, ...rows]),
      out,
    });
    expect(summary).toMatchObject({ annotated: 6, failed: 1, failures: { "too-long": 1 } });
  });
});
