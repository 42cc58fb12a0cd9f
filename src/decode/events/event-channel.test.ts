import { setImmediate as nextTurn } from "node:timers/promises";

import { describe, expect, test } from "vitest";

import { EventChannel } from "./event-channel.ts";

function counting(limit: number, log: string[] = []): EventChannel<number> {
  return new EventChannel(
    async (channel) => {
      try {
        for (let index = 0; index < limit; index++) {
          log.push(`make ${index}`);
          await channel.emit(index);
        }
      } finally {
        await nextTurn();
        log.push("cleaned up");
      }
    },
    () => log.push("left"),
  );
}

const all = (channel: EventChannel<number>) => ({ [Symbol.asyncIterator]: () => channel });

describe("a channel", () => {
  test("gives everything in order, and ends", async () => {
    const got: number[] = [];
    for await (const value of all(counting(5))) got.push(value);
    expect(got).toEqual([0, 1, 2, 3, 4]);
    for await (const value of all(counting(0))) got.push(value);
    expect(got).toHaveLength(5);
  });

  test("makes nothing before it is asked for", async () => {
    const log: string[] = [];
    const channel = counting(5, log);
    await nextTurn();
    expect(log).toEqual([]);
    await channel.next();
    await nextTurn();
    expect(log).toEqual(["make 0"]);
    await channel.next();
    await nextTurn();
    expect(log).toEqual(["make 0", "make 1"]);
  });

  test("several may be asked for at once", async () => {
    const channel = counting(2);
    const results = await Promise.all([channel.next(), channel.next(), channel.next(), channel.next()]);
    expect(results.map(({ value }) => value)).toEqual([0, 1, undefined, undefined]);
    expect(await channel.next()).toEqual({ value: undefined, done: true });
  });

  test("leaving waits until the producer has cleaned up", async () => {
    const log: string[] = [];
    for await (const value of all(counting(5, log))) if (value === 1) break;
    expect(log).toEqual(["make 0", "make 1", "left", "cleaned up"]);
  });

  test("leaving while an event is awaited ends the wait", async () => {
    let wake = (): void => {};
    const channel = new EventChannel<number>(
      () =>
        new Promise((_, reject) => {
          wake = () => reject(new Error("stopped"));
        }),
      () => wake(),
    );
    const next = channel.next();
    expect(await channel.return()).toEqual({ value: undefined, done: true });
    expect(await next).toEqual({ value: undefined, done: true });
  });

  test("leaving before the first event starts nothing", async () => {
    const log: string[] = [];
    const channel = counting(5, log);
    await channel.return();
    expect(await channel.next()).toEqual({ value: undefined, done: true });
    expect(log).toEqual([]);
  });

  test("what the producer throws is thrown once, where the next event was asked for", async () => {
    const channel = new EventChannel<number>(
      async (events) => {
        await events.emit(1);
        throw new Error("broken");
      },
      () => {},
    );
    await channel.next();
    await expect(channel.next()).rejects.toThrow("broken");
    expect(await channel.next()).toEqual({ value: undefined, done: true });
  });
});
