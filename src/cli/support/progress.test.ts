import { expect, it } from "vitest";

import { Progress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

it("judges the time left by what this run did, not by what an earlier one left", () => {
  let nowMs = 0;
  let shown = "";
  const terminal: Terminal = {
    out: () => {},
    log: (text) => {
      shown = text;
    },
    outIsTerminal: false,
    logIsTerminal: false,
    columns: 80,
    environment: {},
    clock: { nowMs: () => nowMs, isoNow: () => "" },
    signal: new AbortController().signal,
    readInput: async () => "",
  };
  const progress = new Progress(terminal, "samples");
  nowMs = 50_000;
  progress.start(900);
  nowMs += 20_000;
  // 10 in 20 s, and 90 are left.
  progress.update(910, 1000, "right 5.0%");
  expect(shown).toBe("910 of 1,000 samples, 3 min 00 s left; right 5.0%\n");
});
