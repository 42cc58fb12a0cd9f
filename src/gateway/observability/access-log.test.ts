import { describe, expect, it } from "vitest";

import { AccessLog, type AccessRecord } from "./access-log.ts";

const record: AccessRecord = {
  requestId: "chatcmpl-1",
  method: "POST",
  route: "/v1/chat/completions",
  status: 200,
  durationMs: 12.345,
  model: "splitreason",
  policy: "learned",
  smallTokens: 10,
  bigTokens: 2,
  prompt: "my private question",
  output: "my private answer",
};

function logged(logPrompts: boolean, write: (log: AccessLog) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(new AccessLog({ logPrompts, write: (line) => lines.push(line) }));
  for (const line of lines) expect(line).toMatch(/^[^\n]*\n$/u);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("the log", () => {
  it("has one line a request, with figures and without words", () => {
    const [line] = logged(false, (log) => log.request(record));
    expect(line).toMatchObject({
      level: "info",
      msg: "request",
      status: 200,
      smallTokens: 10,
      durationMs: 12.3,
    });
    expect(JSON.stringify(line)).not.toContain("private");
    expect(line).not.toHaveProperty("queuedMs");
  });

  it("leaves out what a server said to a request: it may quote the prompt", () => {
    const error = { code: "engine-failed", message: "400: cannot read 'my private question'" };
    const failed = { ...record, status: 502, error, degraded: error.message };
    const trouble = { ...error, seenBy: "request" } as const;
    const lines = logged(false, (log) => {
      log.request(failed);
      log.engine("big", "down", trouble);
    });
    expect(lines).toMatchObject([
      { level: "error", error: "engine-failed", degraded: true },
      { level: "warn", engine: "big", health: "down", trouble: "engine-failed" },
    ]);
    expect(JSON.stringify(lines)).not.toContain("private");
    const [attempt] = logged(false, (log) =>
      log.engine("big", "down", {
        code: "engine-unavailable",
        message: "refused by 10.0.0.1",
        seenBy: "attempt",
      }),
    );
    expect(attempt).toMatchObject({ trouble: "refused by 10.0.0.1" });
  });

  it("says once that an engine is away, however often it is tried in vain", () => {
    const trouble = { code: "engine-unavailable", message: "refused", seenBy: "attempt" } as const;
    const lines = logged(false, (log) => {
      for (let attempt = 0; attempt < 3; attempt++) {
        log.engine("big", "down", trouble);
        log.engine("big", "recovering", trouble);
      }
      log.engine("small", "down", trouble);
      log.engine("big", "up", undefined);
      log.engine("big", "down", trouble);
    });
    expect(lines.map(({ engine, health }) => `${String(engine)} ${String(health)}`)).toEqual([
      "big down",
      "small down",
      "big up",
      "big down",
    ]);
  });

  it("has prompts when the operator asks for them, and never what looks like a key", () => {
    const [line] = logged(true, (log) =>
      log.request({
        ...record,
        model: "sk-abcdefghijkl",
        prompt: "my private question, Bearer sk-abcdefghijkl",
      }),
    );
    expect(line).toMatchObject({
      prompt: "my private question, Bearer [redacted]",
      output: "my private answer",
    });
    expect(JSON.stringify(line)).not.toContain("abcdefghijkl");
  });

  it("is bounded, and stays one line whatever a client sends", () => {
    const [line] = logged(false, (log) =>
      log.request({ ...record, model: `a\n{"level":"fatal"}${"x".repeat(9_999)}` }),
    );
    expect(String(line?.["model"]).length).toBeLessThan(600);
    expect(line?.["level"]).toBe("info");
  });
});
