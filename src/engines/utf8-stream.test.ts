import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { incompleteEnd, Utf8Stream } from "./utf8-stream.ts";

describe("Utf8Stream", () => {
  it("completes a code point across pushes", () => {
    const stream = new Utf8Stream();
    const [first = 0, ...rest] = new TextEncoder().encode("🌍");
    expect(stream.push(Uint8Array.of(0x61, first))).toBe("a");
    expect(stream.isWaiting).toBe(true);
    expect(new Utf8Stream(incompleteEnd(Uint8Array.of(0x61, first))).push(Uint8Array.from(rest))).toBe("🌍");
    expect(stream.push(Uint8Array.from(rest))).toBe("🌍");
    expect(stream.isWaiting).toBe(false);
  });

  it("agrees with a decoder of the whole, whatever the bytes and the cuts", () => {
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x61));
    fc.assert(
      fc.property(fc.array(fc.array(byte, { maxLength: 4 })), (parts) => {
        const stream = new Utf8Stream();
        const text = parts.map((part) => stream.push(Uint8Array.from(part))).join("");
        const whole = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(parts.flat()), {
          stream: true,
        });
        // An end that can no longer become a code point may still wait here; nothing else may differ.
        const rest = Array.from(incompleteEnd(Uint8Array.from(parts.flat())));
        expect(whole.startsWith(text)).toBe(true);
        expect(whole.length - text.length).toBeLessThanOrEqual(rest.length);
      }),
    );
  });
});
