import { describe, expect, it } from "vitest";

import { BodyTooLargeError, messageInBody, readBody, readErrorBody, retryAfterMs } from "./http-body.ts";

async function* chunksOf(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

describe("readBody", () => {
  it("takes as many bytes as the limit, and not one more", async () => {
    expect((await readBody(chunksOf("ab", "cd"), 4, "peer")).toString()).toBe("abcd");
    await expect(readBody(chunksOf("ab", "cde"), 4, "peer")).rejects.toThrow(
      new BodyTooLargeError("peer: it sent more than 4 bytes.", { code: "wire-invalid" }),
    );
  });

  it("of an error is empty when it breaks off", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("half");
      throw new Error("cut");
    }
    expect(await readErrorBody(broken())).toBe("");
    expect(await readErrorBody(chunksOf("whole"))).toBe("whole");
  });
});

describe("messageInBody", () => {
  it.each([
    [{ error: { message: "no such model", code: 404 } }, "no such model"],
    [{ error: "no such model" }, "no such model"],
    [{ message: "no such model", detail: "beside it" }, "no such model"],
    [{ detail: "no such\n model" }, "no such model"],
    [{ detail: [{ loc: ["body"] }] }, '[{"loc":["body"]}]'],
    [{ other: 1 }, '{"other":1}'],
  ])("finds the message of %j", (document, message) => {
    expect(messageInBody(JSON.stringify(document))).toBe(message);
  });

  it("takes plain text as it is, on one line", () => {
    expect(messageInBody("  Bad\n Gateway ")).toBe("Bad Gateway");
  });
});

describe("retryAfterMs", () => {
  it("seconds, a date, or nothing", () => {
    const now = Date.parse("2026-11-24T10:00:00Z");
    expect(retryAfterMs("3", now)).toBe(3000);
    expect(retryAfterMs("0.25", now)).toBe(250);
    expect(retryAfterMs("Tue, 24 Nov 2026 10:00:07 GMT", now)).toBe(7000);
    expect(retryAfterMs("Tue, 24 Nov 2026 09:00:00 GMT", now)).toBe(0);
    expect(retryAfterMs("99999999", now)).toBe(900_000);
    for (const header of [undefined, "", "soon"]) expect(retryAfterMs(header, now)).toBeUndefined();
  });
});
