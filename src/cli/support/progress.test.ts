import { expect, it } from "vitest";

import { Progress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

function terminalAt(nowMs: () => number, show: (text: string) => void): Terminal {
  return {
    out: () => {},
    log: show,
    outIsTerminal: false,
    logIsTerminal: false,
    columns: 80,
    environment: {},
    clock: { nowMs, isoNow: () => "" },
    signal: new AbortController().signal,
    readInput: async () => "",
  };
}

it("shows the speed from the first tokens, before anything is done, and follows the load", () => {
  let nowMs = 0;
  let shown = "";
  const progress = new Progress(
    terminalAt(
      () => nowMs,
      (text) => (shown = text),
    ),
    "samples",
  );
  progress.start(0, 20);
  const write = (seconds: number, tokens: number): void => {
    for (let second = 0; second < seconds; second++) {
      nowMs += 1000;
      progress.tokens(tokens);
    }
  };
  write(16, 8);
  expect(shown).toBe("0 of 20 samples; 120 tokens, 8.0 tokens/s\n");
  write(60, 2);
  expect(shown).toMatch(/^0 of 20 samples; \d+ tokens, 2\.0 tokens\/s\n$/u);
});

it("judges the time left by what this run did, not by what an earlier one left", () => {
  let nowMs = 0;
  let shown = "";
  const terminal = terminalAt(
    () => nowMs,
    (text) => (shown = text),
  );
  const progress = new Progress(terminal, "samples");
  nowMs = 50_000;
  progress.start(900);
  nowMs += 20_000;
  // 10 in 20 s, and 90 are left.
  progress.update(910, 1000, "right 5.0%");
  expect(shown).toBe("910 of 1,000 samples, 3 min 00 s left; right 5.0%\n");
});
