import { setTimeout } from "node:timers/promises";

import { expect, test, vi } from "vitest";

import type { StreamFormat } from "./response-format.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { EventStream, KEEP_ALIVE_MS } from "./event-stream.ts";

const decoder = new TextDecoder();

test("what is written in one turn goes out as one piece, in order", async () => {
  const stream = new EventStream(() => {});
  const reader = stream.body.getReader();
  const first = reader.read();
  stream.write("data: 1\n\n");
  await Promise.resolve();
  stream.write("data: 2\n\n");
  expect(decoder.decode((await first).value)).toBe("data: 1\n\ndata: 2\n\n");
  stream.write("data: 3\n\n");
  stream.end();
  expect(decoder.decode((await reader.read()).value)).toBe("data: 3\n\n");
  expect((await reader.read()).done).toBe(true);
});

test("a reader that does not read holds back the writer, and lets it go on by reading", async () => {
  const stream = new EventStream(() => {});
  const reader = stream.body.getReader();
  const line = `data: ${"x".repeat(1000)}\n\n`;
  let written = 0;
  const writing = (async () => {
    for (; written < 100; written++) {
      stream.write(line);
      await stream.room();
    }
    stream.end();
  })();
  await setTimeout(20);
  expect(written).toBeLessThan(20);
  expect(stream.waiting).toBeLessThan(18_000);
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value);
    expect(stream.waiting).toBeLessThan(18_000);
  }
  await writing;
  expect(text).toBe(line.repeat(100));
});

test("a reader that leaves is told, and frees the writer", async () => {
  let left = 0;
  const stream = new EventStream(() => left++);
  stream.write("x".repeat(20_000));
  const room = stream.room();
  expect(room).toBeInstanceOf(Promise);
  await stream.body.cancel();
  await room;
  expect(left).toBe(1);
  stream.write("y");
  expect([stream.waiting, stream.room()]).toEqual([0, undefined]);
});

test("a writer that is told to stop need not wait for the reader", async () => {
  const stream = new EventStream(() => {});
  stream.write("x".repeat(20_000));
  const room = stream.room();
  stream.release();
  await room;
  expect(stream.room()).toBeUndefined();
});

test("a comment keeps a silent connection open, and only a silent one", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  try {
    const stream = new EventStream(() => {});
    const reader = stream.body.getReader();
    const next = async (): Promise<string> => decoder.decode((await reader.read()).value);
    vi.advanceTimersByTime(KEEP_ALIVE_MS);
    expect(await next()).toBe(": keep-alive\n\n");
    stream.write("data: 1\n\n");
    expect(await next()).toBe("data: 1\n\n");
    // The first tick sees both writes, the second sees none.
    vi.advanceTimersByTime(KEEP_ALIVE_MS);
    stream.write("data: 2\n\n");
    expect(await next()).toBe("data: 2\n\n");
    vi.advanceTimersByTime(2 * KEEP_ALIVE_MS);
    expect(await next()).toBe(": keep-alive\n\n");
    stream.end();
    expect((await reader.read()).done).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test("text of one author that waits together is one event, and other events keep their place", async () => {
  const stream = new EventStream(() => {});
  const format: StreamFormat = {
    open: () => "",
    text: (choice, channel, author, text, tokens) => `${choice} ${channel} ${author} ${text} ${tokens}\n\n`,
    finish: () => "",
    end: () => "",
    fail: () => "",
  };
  const chunks = new ChunkWriter(stream, format);
  const reader = stream.body.getReader();
  const next = async (): Promise<string> => decoder.decode((await reader.read()).value);
  chunks.text(0, "reasoning", "small", "a", 1);
  chunks.text(0, "reasoning", "small", "b", 2);
  chunks.text(0, "reasoning", "big", "c", 1);
  chunks.text(1, "reasoning", "big", "d", 1);
  chunks.text(1, "content", "big", "e", 1);
  chunks.write("end\n\n");
  chunks.text(1, "content", "big", "f", 1);
  expect(await next()).toBe(
    "0 reasoning small ab 3\n\n0 reasoning big c 1\n\n1 reasoning big d 1\n\n1 content big e 1\n\nend\n\n1 content big f 1\n\n",
  );
  // A reader that waits gets each piece when it comes.
  const waiting = next();
  chunks.text(1, "content", "big", "", 1);
  expect(await waiting).toBe("1 content big  1\n\n");
  chunks.text(1, "content", "big", "x".repeat(20_000), 1);
  const room = chunks.room();
  expect(room).toBeInstanceOf(Promise);
  await next();
  await room;
  stream.end();
});
