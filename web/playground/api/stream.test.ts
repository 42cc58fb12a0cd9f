import { describe, expect, it } from "vitest";

import { Failure } from "./failure.ts";
import { readEvents, type StreamEvent } from "./stream.ts";

const chunk = (delta: object, splitreason?: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }], splitreason })}\n\n`;

/** The text as bytes, cut into parts of `size`: characters and events are split anywhere. */
function body(text: string, size: number, fail?: Error): ReadableStream<Uint8Array<ArrayBuffer>> {
  const bytes = new TextEncoder().encode(text);
  let position = 0;
  return new ReadableStream({
    pull: (controller) => {
      if (position < bytes.length) controller.enqueue(bytes.slice(position, (position += size)));
      else if (fail === undefined) controller.close();
      else controller.error(fail);
    },
  });
}

async function collect(text: string, size = 7): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  await readEvents(body(text, size), (event) => events.push(event), new AbortController().signal);
  return events;
}

describe("readEvents", () => {
  const stream = [
    chunk({ role: "assistant", content: "" }),
    ": keep-alive\n\n",
    chunk({ reasoning_content: "wé 思" }, { author: "small", tokens: 2 }),
    chunk({ reasoning_content: " 🙂" }, { author: "big", tokens: 1 }),
    chunk({ content: "42" }, { author: "small", tokens: 1 }),
    chunk({}, { offload_share: 0.25, switches: 1, handoff_ms: null, degraded: null }, "stop"),
    "data: [DONE]\n\n",
  ].join("");

  it.each([1, 2, 3, 7, 64, 100_000])("gives the same events however it is cut: %i bytes", async (size) => {
    expect(await collect(stream, size)).toEqual([
      { type: "text", author: "small", part: "reasoning", text: "wé 思" },
      { type: "tokens", author: "small", count: 2 },
      { type: "text", author: "big", part: "reasoning", text: " 🙂" },
      { type: "tokens", author: "big", count: 1 },
      { type: "text", author: "small", part: "answer", text: "42" },
      { type: "tokens", author: "small", count: 1 },
      {
        type: "finish",
        reason: "stop",
        summary: { offload_share: 0.25, switches: 1, handoff_ms: null, degraded: null },
      },
    ]);
  });

  it.each([
    ["ends early", chunk({ content: "4" }), "broken", /connection broke/],
    ["says that it failed", 'data: {"error": {"message": "model gone"}}\n\n', "server", /model gone/],
    ["is not JSON", "data: {\n\n", "broken", /does not understand/],
    ["has wrong types", 'data: {"choices": 5}\n\n', "broken", /does not understand/],
    ["never ends an event", `data: ${"x".repeat(1_100_000)}`, "broken", /an event without an end/],
    [
      "never ends",
      chunk({ content: "x".repeat(900_000) }).repeat(3),
      "broken",
      /longer than this page can show/,
    ],
  ])("fails with a reason when the stream %s", async (_name, text, kind, message) => {
    const failure: unknown = await collect(text, 65_536).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failure);
    expect(failure).toMatchObject({ kind, message: expect.stringMatching(message) });
  });

  it("tells a broken connection from an abort", async () => {
    const broken = readEvents(body("data: ", 6, new Error("reset")), () => {}, new AbortController().signal);
    await expect(broken).rejects.toThrow(/connection broke/);
    const controller = new AbortController();
    controller.abort(new Error("Esc"));
    const aborted = readEvents(body("data: ", 6, new Error("reset")), () => {}, controller.signal);
    await expect(aborted).rejects.toThrow("Esc");
  });
});
