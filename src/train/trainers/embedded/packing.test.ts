import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { tokenId } from "../../../core/ids.ts";
import type { Datum } from "../../trainer.ts";
import { packRows } from "./packing.ts";

const datumOf = (length: number): Datum => ({
  tokens: Array.from({ length }, () => tokenId(1)),
  targets: Array.from({ length }, () => tokenId(2)),
  weights: Array.from({ length }, () => 1),
});

describe("packRows", () => {
  it("places every datum once, without overlap, and the same way each time", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 }), (lengths) => {
        const data = lengths.map(datumOf);
        const rows = packRows(data, 20);
        expect(packRows(data, 20)).toEqual(rows);
        const seen = new Set<number>();
        for (const row of rows) {
          let end = 0;
          for (const { datum, column } of row) {
            expect(column).toBe(end);
            end += lengths[datum]!;
            seen.add(datum);
          }
          expect(end).toBeGreaterThan(0);
          expect(end).toBeLessThanOrEqual(20);
        }
        expect(seen.size).toBe(lengths.filter((length) => length > 0).length);
        // First fit leaves at most one row half empty.
        const total = lengths.reduce((sum, length) => sum + length, 0);
        expect(rows.length).toBeLessThanOrEqual(Math.floor(total / 10) + 1);
      }),
    );
  });

  it("names the datum that does not fit, or whose arrays disagree", () => {
    expect(() => packRows([datumOf(3), datumOf(9)], 8)).toThrow(/datum 1 has 9 tokens and a row holds 8/);
    expect(() => packRows([{ ...datumOf(3), weights: [1] }], 8)).toThrow(/3 targets and 1 weights/);
  });
});
