/**
 * Drills: single facts in the wording of the traces, many to a row. They teach arithmetic many times faster per token than
 * whole traces. Only traces teach copying from the problem, so a corpus needs both.
 */
import type { Rng } from "../core/rng.ts";
import { drawOperand } from "./problem.ts";
import { type Trace, TraceWriter, writeByTens, writeKeep, writeProduct } from "./trace.ts";

export type DrillKind = "plus" | "minus" | "product";

/** One fact, e.g. ` 32 times 63 is 2016. Keep the last three digits: 016.` or ` 347 plus 80 is 427, plus 5 is 432.` */
export function writeDrill(kind: DrillKind, rng: Rng): Trace {
  const writer = new TraceWriter();
  switch (kind) {
    case "product": {
      const left = rng.integer(11, 99);
      const right = drawOperand(rng);
      writeProduct(writer, left, right);
      // Some facts continue as traces do, so that the text after a product is also learned.
      if (rng.next() < 0.15) writeKeep(writer, left, right, rng);
      return writer.finish();
    }
    case "plus":
    case "minus": {
      const operand = drawOperand(rng);
      const value = kind === "plus" ? rng.integer(0, 999 - operand) : rng.integer(operand, 999);
      writeByTens(writer, value, operand, kind, rng);
      return writer.finish();
    }
  }
  return kind satisfies never;
}
