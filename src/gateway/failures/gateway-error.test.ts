import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { ConfigError, EngineError } from "../../core/errors.ts";
import { errorResponse, GatewayError, invalidRequest, toGatewayError } from "./gateway-error.ts";
import { errorBody } from "../protocols/openai/chunk-text.ts";
import { FAILURES } from "./failure-codes.ts";

describe("errors as answers", () => {
  test("have OpenAI's shape, with null for what does not apply", () => {
    const error = invalidRequest("seed: no.", { param: "seed" });
    expect(errorBody(error)).toEqual({
      error: { message: "seed: no.", type: "invalid_request_error", param: "seed", code: null },
    });
    expect(errorBody(toGatewayError(new EngineError("gone", { code: "engine-unavailable" })))).toEqual({
      error: { message: "gone", type: "server_error", param: null, code: "engine_unavailable" },
    });
  });

  test.each([
    [new EngineError("x", { code: "prompt-too-long" }), 400],
    [new EngineError("x", { code: "engine-failed" }), 502],
    [new EngineError("x", { code: "aborted" }), 499],
    [new ConfigError("x", { code: "config-invalid" }), 500],
    [new TypeError("x"), 500],
    ["x", 500],
  ])("%s -> %d", (error, status) => {
    expect(toGatewayError(error).facts.status).toBe(status);
  });

  test("what nobody foresaw is told in general words, and kept for the log", () => {
    for (const cause of [
      new TypeError("secret internals"),
      new ConfigError("/secret/path", { code: "config-invalid" }),
    ]) {
      const error = toGatewayError(cause);
      expect(JSON.stringify(errorBody(error))).not.toContain("secret");
      expect(error.cause).toBe(cause);
    }
  });

  test("keys in messages are redacted", () => {
    expect(invalidRequest("the key sk-1234567890 is wrong").message).not.toContain("1234567890");
  });

  test("say when to come back, and how to log in", () => {
    const busy = errorResponse(new GatewayError("queue-full", "busy", { retryAfterSeconds: 1.2 }), errorBody);
    expect([busy.status, busy.headers.get("retry-after")]).toEqual([429, "2"]);
    const locked = errorResponse(new GatewayError("wrong-key", "no key"), errorBody);
    expect(locked.headers.get("www-authenticate")).toBe("Bearer");
  });
});

test("docs/api.md lists every status and code that a client can see", () => {
  const page = readFileSync(join(import.meta.dirname, "..", "..", "..", "docs", "api.md"), "utf8");
  const [, table = ""] = page.split("\n## Errors\n");
  for (const [name, { status, type, wireCode }] of Object.entries(FAILURES)) {
    if (status === 499) continue;
    const rows = table.split("\n").filter((row) => row.startsWith(`| ${status} | \`${type}\``));
    const says = (row: string): boolean =>
      wireCode === null ? row.includes("| null") : row.includes(`\`${wireCode}\``);
    expect(status === 502 ? rows.length > 0 : rows.some(says), name).toBe(true);
  }
});
