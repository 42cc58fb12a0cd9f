/**
 * The same seed gives the same rows, byte for byte, whatever runs at the same time and however often the run was killed. The models are real: the
 * shipped pair, sampling at temperature 0.6.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { createRng } from "../../src/core/rng.ts";
import { runCliProcess } from "../support/cli.ts";

const ARMS = "learned,random~learned,never";
const PROBLEMS = 16;
const ROWS = PROBLEMS * ARMS.split(",").length;
const KILLS = 10;

const folder = mkdtempSync(join(tmpdir(), "splitreason-same-rows-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const SETTINGS = `--arms ${ARMS} --problems ${PROBLEMS} --temperature 0.6 --seed 3 --threads 1`;
const call = (out: string, concurrency: number): string[] => [
  ..."eval micro --reproducible --json".split(" "),
  ...SETTINGS.split(" "),
  "--concurrency",
  String(concurrency),
  "--out",
  out,
];

const digestIn = (out: string): unknown => (JSON.parse(out) as { readonly rowsDigest: unknown }).rowsDigest;
const rowsIn = (out: string): string => readFileSync(join(out, "rows.jsonl"), "utf8");
const linesIn = (path: string): number =>
  existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;

describe("the rows of a seed", { timeout: 1_800_000 }, () => {
  const first = join(folder, "first");
  let digest: unknown;

  it("are the same bytes in two runs, with other samples in flight", async () => {
    const second = join(folder, "second");
    const results = [];
    for (const [out, concurrency] of [
      [first, 5],
      [second, 3],
    ] as const) {
      const result = await runCliProcess(call(out, concurrency), { timeoutMs: 900_000 });
      expect(result.status, result.log).toBe(0);
      results.push(result);
    }
    const bytes = rowsIn(first);
    expect(bytes.trimEnd().split("\n")).toHaveLength(ROWS);
    // Sampled, not greedy: greedy rows would show less.
    expect(rowsIn(second)).toBe(bytes);
    digest = digestIn(results[0]?.out ?? "");
    expect(digest).toMatch(/^[0-9a-f]{64}$/u);
    expect(digestIn(results[1]?.out ?? "")).toBe(digest);
    expect(readFileSync(join(first, "measured.jsonl"), "utf8")).not.toBe(
      readFileSync(join(second, "measured.jsonl"), "utf8"),
    );
  });

  it(`are the same bytes after ${KILLS} kills at random places`, async () => {
    const out = join(folder, "killed");
    const rng = createRng(11);
    let killed = 0;
    let done = 0;
    const seen: number[] = [];
    while (killed < KILLS) {
      // At the first rows, or some more than last time: always well before the end.
      const target = done + Math.min(rng.integer(0, 7), Math.max(0, ROWS - 24 - done));
      const header = join(out, "run.json");
      const partial = join(out, "rows.partial.jsonl");
      let killing = false;
      const result = await runCliProcess(call(out, rng.integer(1, 5)), {
        timeoutMs: 900_000,
        poll: async (kill) => {
          if (killing || !existsSync(header) || linesIn(partial) < target) return;
          killing = true;
          await new Promise((resolve) => setTimeout(resolve, rng.integer(0, 40)));
          kill("SIGKILL");
        },
      });
      expect(result.signal, result.log).toBe("SIGKILL");
      killed += 1;
      done = linesIn(partial);
      seen.push(done);
    }
    expect(new Set(seen).size).toBeGreaterThan(4);
    expect(done).toBeLessThan(ROWS);
    const result = await runCliProcess(call(out, 4), { timeoutMs: 900_000 });
    expect(result.status, result.log).toBe(0);
    expect(result.log).toContain(`continuing: ${done} of ${ROWS} samples`);
    expect(rowsIn(out)).toBe(rowsIn(first));
    expect(digestIn(result.out)).toBe(digest);
  });
});
