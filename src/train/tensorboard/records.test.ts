import { describe, expect, it } from "vitest";

import { restartEvent, scalarsEvent, stepOf, versionEvent } from "./events.ts";
import { scalarsOf } from "./event-file.ts";
import { crc32c, frameRecord, maskedCrc32c, readRecords } from "./records.ts";

describe("crc32c", () => {
  it("gives the examples of RFC 3720, appendix B.4", () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  });

  it("is masked as record files want it", () => {
    // Rotated right by 15, plus 0xa282ead8, modulo 2^32.
    const rotated = ((0xe3069283 >>> 15) | (0xe3069283 << 17)) >>> 0;
    expect(maskedCrc32c(Buffer.from("123456789"))).toBe((rotated + 0xa282ead8) % 2 ** 32);
  });
});

describe("records", () => {
  const payloads = [Buffer.from("one"), Buffer.alloc(0), Buffer.alloc(1000, 7)];
  const file = Buffer.concat(payloads.map(frameRecord));

  it("are read as they were written", () => {
    expect([...readRecords(file)].map(({ payload }) => payload)).toEqual(payloads);
    expect([...readRecords(file)].at(-1)?.end).toBe(file.length);
  });

  it("end where one is cut, wherever that is", () => {
    for (let length = 0; length < file.length; length++) {
      const read = [...readRecords(file.subarray(0, length))].map(({ payload }) => payload);
      expect(read).toEqual(payloads.slice(0, read.length));
      expect(read.length).toBeLessThan(payloads.length);
    }
  });

  it("end where one is broken", () => {
    for (let at = 0; at < 16 + 3; at++) {
      const broken = Buffer.from(file);
      broken[at] = (broken[at] ?? 0) ^ 1;
      expect([...readRecords(broken)]).toEqual([]);
    }
  });
});

describe("events", () => {
  it("tell their step where they have one", () => {
    for (const step of [0, 1, 127, 128, 300, 2 ** 31, 2 ** 40]) {
      expect(stepOf(scalarsEvent(1.5, step, new Map([["a", 1]])))).toBe(step);
    }
    expect(stepOf(versionEvent(1.5))).toBeUndefined();
    expect(stepOf(restartEvent(1.5, 300))).toBe(300);
    expect(stepOf(Uint8Array.of())).toBeUndefined();
  });

  it("take every number of a record", () => {
    const record = {
      step: 3,
      loss: 1,
      parts: { a: 2, deep: { b: 3 } },
      name: "x",
      list: [4],
      none: undefined,
    };
    expect([...scalarsOf(record, "train")]).toEqual([
      ["train/loss", 1],
      ["train/parts/a", 2],
      ["train/parts/deep/b", 3],
    ]);
  });
});
