import { describe, expect, it } from "vitest";

import { ProtobufMessage } from "./protobuf.ts";

describe("ProtobufMessage", () => {
  it("writes the examples of the format's documentation", () => {
    // protobuf.dev/programming-guides/encoding: {a: 150}, {b: "testing"}, {c: {a: 150}}
    expect(new ProtobufMessage().integer(1, 150).finish()).toEqual(Uint8Array.of(0x08, 0x96, 0x01));
    expect(new ProtobufMessage().string(2, "testing").finish()).toEqual(
      Uint8Array.of(0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67),
    );
    expect(new ProtobufMessage().message(3, new ProtobufMessage().integer(1, 150)).finish()).toEqual(
      Uint8Array.of(0x1a, 0x03, 0x08, 0x96, 0x01),
    );
  });

  it("writes negative and large integers, and floats", () => {
    expect(new ProtobufMessage().integer(1, -2).finish()).toEqual(
      Uint8Array.of(0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
    );
    expect(new ProtobufMessage().integer(1, 2 ** 40).finish()).toEqual(
      Uint8Array.of(0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20),
    );
    expect(new ProtobufMessage().float(2, 1).finish()).toEqual(Uint8Array.of(0x15, 0, 0, 0x80, 0x3f));
    expect(new ProtobufMessage().double(1, 1).finish()).toEqual(
      Uint8Array.of(0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f),
    );
  });

  it("keeps the order of small fields and large bytes", () => {
    const large = new Uint8Array(300).fill(7);
    const inner = new ProtobufMessage().integer(1, 1).bytes(2, large).integer(3, 3);
    const whole = new ProtobufMessage().message(4, inner).integer(5, 5).finish();
    expect(inner.sizeBytes).toBe(2 + 3 + 300 + 2);
    expect([...whole.subarray(0, 8)]).toEqual([0x22, 0xb3, 0x02, 0x08, 1, 0x12, 0xac, 0x02]);
    expect([...whole.subarray(-4)]).toEqual([0x18, 3, 0x28, 5]);
    expect(whole.length).toBe(3 + 307 + 2);
  });
});
