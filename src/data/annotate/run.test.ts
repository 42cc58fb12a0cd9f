import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import type { TraceRow } from "../../formats/trace-row.ts";
import type { Annotator, Examination, ExamineContext } from "./annotator.ts";
import { annotate, type AnnotationOptions, failedPath, journalPath } from "./run.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-run-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let number = 0;
const fresh = (): string => join(folder, `${number++}.jsonl`);

const row = (id: number, trace = `trace number ${id} of the input`): TraceRow => ({
  id: `r${id}`,
  problem: "p",
  trace,
});
const inputOf = (rows: readonly TraceRow[]): AnnotationOptions["rows"] =>
  async function* () {
    yield* rows;
  };
const written = (path: string): TraceRow[] =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line))
    : [];

/** Marks the first word; what a row does is in `outcomes` by its id. */
class Marker implements Annotator {
  readonly name = "llm";
  readonly identity = { test: 1 };
  readonly concurrency: number;
  readonly examined: string[] = [];
  readonly outcomes: Readonly<Record<string, Examination | Error>>;

  constructor(outcomes: Readonly<Record<string, Examination | Error>> = {}, concurrency = 3) {
    this.outcomes = outcomes;
    this.concurrency = concurrency;
  }

  async examine({ id }: TraceRow, { known, keep }: ExamineContext): Promise<Examination> {
    if (known.length > 0) return { status: "examined" };
    this.examined.push(id);
    // Later rows end sooner.
    await new Promise((resolve) => setTimeout(resolve, 20 - Number(id.slice(1))));
    const outcome = this.outcomes[id] ?? { status: "examined" };
    if (outcome instanceof Error) throw outcome;
    if (outcome.status === "examined") keep({ word: 5 });
    return outcome;
  }

  place(): { status: "annotated"; spans: { start: number; end: number }[] } {
    return { status: "annotated", spans: [{ start: 0, end: 5 }] };
  }
}

const rows = Array.from({ length: 9 }, (_, index) => row(index));

describe("annotate", () => {
  it("writes rows in the order of the input, failed ones apart, and accounts for all", async () => {
    const out = fresh();
    const input = [
      ...rows,
      row(9, "short"),
      row(10, "with <bigmodel>tags</bigmodel> in it, long enough"),
      row(11, "   "),
    ];
    const summary = await annotate({
      annotator: new Marker({ r4: { status: "failed", kind: "refused", reason: "400: too long" } }),
      rows: inputOf(input),
      out,
      dropUpTo: 5,
    });
    expect(summary).toMatchObject({
      status: "done",
      rows: 12,
      annotated: 8,
      failed: 2,
      dropped: 2,
      pending: 0,
      spans: 8,
      failures: { refused: 1, "has-tags": 1 },
      drops: { "at most 5 characters": 2 },
    });
    expect(written(out).map(({ id }) => id)).toEqual(["r0", "r1", "r2", "r3", "r5", "r6", "r7", "r8"]);
    expect(written(out)[0]).toEqual({ ...row(0), spans: [{ start: 0, end: 5 }], annotator: "llm" });
    expect(written(failedPath(out)).map(({ id, error }) => [id, error])).toEqual([
      ["r4", "refused: 400: too long"],
      ["r10", "has-tags: the trace has <bigmodel> in it already"],
    ]);
  });

  it("goes on where it failed, and examines nothing twice", async () => {
    const out = fresh();
    const broken = new Marker({ r5: new Error("the power went out") }, 1);
    await expect(annotate({ annotator: broken, rows: inputOf(rows), out })).rejects.toThrow(
      "the power went out",
    );
    expect(broken.examined).toEqual(["r0", "r1", "r2", "r3", "r4", "r5"]);
    expect(existsSync(out)).toBe(false);
    const next = new Marker();
    const progress: number[] = [];
    await annotate({
      annotator: next,
      rows: inputOf(rows),
      out,
      onProgress: ({ done, before }) => progress.push(done - before),
    });
    expect(next.examined.toSorted()).toEqual(["r5", "r6", "r7", "r8"]);
    expect(progress.at(-1)).toBe(4);
    expect(written(out).map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
  });

  it("stops at a budget with what is there, the rest counted as not reached", async () => {
    const out = fresh();
    const outcomes = { r3: { status: "out-of-budget" } } as const;
    const summary = await annotate({ annotator: new Marker(outcomes, 1), rows: inputOf(rows), out });
    expect(summary).toMatchObject({ status: "out-of-budget", rows: 9, annotated: 3, pending: 6 });
    expect(written(out)).toHaveLength(3);
    const more = await annotate({ annotator: new Marker(), rows: inputOf(rows), out });
    expect(more).toMatchObject({ status: "done", annotated: 9, pending: 0 });
  });

  it("tries failed rows again when asked to, and no others", async () => {
    const out = fresh();
    const failed = { status: "failed", kind: "timeout", reason: "300 s" } as const;
    await annotate({ annotator: new Marker({ r2: failed, r7: failed }), rows: inputOf(rows), out });
    const same = new Marker();
    expect(await annotate({ annotator: same, rows: inputOf(rows), out })).toMatchObject({ failed: 2 });
    expect(same.examined).toEqual([]);
    const again = new Marker({ r7: failed });
    const summary = await annotate({ annotator: again, rows: inputOf(rows), out, retryFailed: true });
    expect(again.examined.toSorted()).toEqual(["r2", "r7"]);
    expect(summary).toMatchObject({ annotated: 8, failed: 1 });
    // A row from a file of failed ones loses its error when it succeeds.
    const alone = fresh();
    await annotate({ annotator: new Marker(), rows: inputOf(written(failedPath(out))), out: alone });
    expect(written(alone)[0]).not.toHaveProperty("error");
  });

  it("ends what is under way when it is told to stop, and begins nothing new", async () => {
    const out = fresh();
    const stop = new AbortController();
    const marker = new Marker({}, 2);
    const stopping: number[] = [];
    const run = annotate({
      annotator: marker,
      rows: inputOf(rows),
      out,
      signal: stop.signal,
      onProgress: ({ done }) => {
        if (done === 2) stop.abort(new Error("Ctrl-C"));
      },
      onStopping: (underWay) => stopping.push(underWay),
    });
    await expect(run).rejects.toMatchObject({ code: "aborted" });
    expect(stopping).toHaveLength(1);
    expect(marker.examined.length).toBeLessThanOrEqual(4);
    const next = new Marker();
    await annotate({ annotator: next, rows: inputOf(rows), out });
    // What was begun was ended, and is not begun again.
    expect([...marker.examined, ...next.examined].toSorted()).toEqual(rows.map(({ id }) => id));
  });

  it("refuses an input that changed, an empty one, a name of no format, and a second run at once", async () => {
    const out = fresh();
    await annotate({ annotator: new Marker(), rows: inputOf(rows), out });
    const other = [row(0), row(1, "something else"), ...rows.slice(2)];
    await expect(annotate({ annotator: new Marker(), rows: inputOf(other), out })).rejects.toThrow(
      /row 2 of the input/u,
    );
    await expect(annotate({ annotator: new Marker(), rows: inputOf(rows.slice(0, 4)), out })).rejects.toThrow(
      /input has changed/u,
    );
    await expect(annotate({ annotator: new Marker(), rows: inputOf([]), out: fresh() })).rejects.toThrow(
      /no rows/u,
    );
    await expect(
      annotate({ annotator: new Marker(), rows: inputOf(rows), out: join(folder, "x.csv") }),
    ).rejects.toThrow(/\.jsonl or \.parquet/u);
    writeFileSync(`${journalPath(out)}.lock`, String(process.ppid));
    await expect(annotate({ annotator: new Marker(), rows: inputOf(rows), out })).rejects.toThrow(
      /is at work on the same output/u,
    );
    // What a process that is no more left behind does not count.
    writeFileSync(`${journalPath(out)}.lock`, "999999999");
    await annotate({ annotator: new Marker(), rows: inputOf(rows), out });
    expect(existsSync(`${journalPath(out)}.lock`)).toBe(false);
  });
});
