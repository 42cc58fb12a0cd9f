import { describe, expect, it } from "vitest";

import { ConfigError, EngineError, errorMessage, SplitReasonError } from "./errors.ts";

describe("SplitReasonError", () => {
  it("carries code, cause and whether to try again", () => {
    const cause = new Error("socket closed");
    const error = new EngineError("the big model went away", {
      code: "engine-failed",
      cause,
      retryable: true,
    });
    expect(error).toBeInstanceOf(SplitReasonError);
    expect(error).toMatchObject({ name: "EngineError", code: "engine-failed", cause, retryable: true });
    expect(new ConfigError("x", { code: "usage" })).toMatchObject({ name: "ConfigError", retryable: false });
  });

  it.each([
    ["key sk-abcdefgh12345678 refused", "key [redacted] refused"],
    ["Authorization: Bearer abc.def-ghi", "Authorization: Bearer [redacted]"],
    ["cannot reach http://user:secret@host/v1", "cannot reach http://[redacted]@host/v1"],
    ["hf_abcdefghijkl", "[redacted]"],
    ["nothing to hide at http://host:8000/v1", "nothing to hide at http://host:8000/v1"],
  ])("redacts credentials in %j", (message, expected) => {
    expect(new EngineError(message, { code: "engine-failed" }).message).toBe(expected);
  });

  it("says what anything thrown says", () => {
    expect(errorMessage(new Error("a"))).toBe("a");
    expect(errorMessage("b")).toBe("b");
  });
});
