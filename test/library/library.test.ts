/** The package as its users import it: from dist/, by its own name. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { describe, expect, it } from "vitest";

const PROGRAM = join(import.meta.dirname, "library-program.mjs");

describe("the library", () => {
  it("solves a problem with the shipped pair", async () => {
    const problem =
      "Start with 347. First, add 85. Second, multiply the last two digits by 63. Third, add 29. What is the result modulo 1000?";
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, problem], { timeout: 120_000 });
    const { text, usage } = JSON.parse(stdout) as { text: string; usage: { bigTokens: number } };
    expect(text).toContain("\\boxed{045}");
    expect(usage.bigTokens).toBeGreaterThan(0);
  }, 180_000);
});
