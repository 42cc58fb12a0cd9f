import { describe, expect, it } from "vitest";

import { fromStatus, parseRetryAfter } from "./failure.ts";

describe("fromStatus", () => {
  it.each([
    [401, "key"],
    [429, "busy"],
    [503, "busy"],
    [400, "refused"],
    [404, "refused"],
    [413, "refused"],
    [500, "server"],
    [502, "server"],
  ])("%i is %s", (status, kind) => {
    expect(fromStatus(status, { message: "because" }, null).kind).toBe(kind);
  });

  it("repeats the server's words where they help, at a bounded length", () => {
    expect(fromStatus(400, { message: "temperature must be a number" }, null).message).toContain(
      "temperature must be a number",
    );
    expect(fromStatus(500, { message: "x".repeat(10_000) }, null).message.length).toBeLessThan(800);
    expect(fromStatus(500, undefined, null).message).toBe("The server failed (500).");
  });
});

describe("parseRetryAfter", () => {
  const nowMs = Date.parse("2025-01-01T00:00:00Z");
  it.each([
    ["5", 5],
    [" 12 ", 12],
    ["Wed, 01 Jan 2025 00:00:30 GMT", 30],
    ["Wed, 01 Jan 2020 00:00:00 GMT", 0],
    ["soon", undefined],
    ["99999999", undefined],
    ["", undefined],
    [null, undefined],
  ])("%j: %s", (header, expected) => expect(parseRetryAfter(header, nowMs)).toBe(expected));
});
