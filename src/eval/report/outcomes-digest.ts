/** The digest of a run's outcomes, as `rowsDigest` takes it, from rows that are read one at a time and may have no times. */
import { createHash } from "node:crypto";

import { outcomeSchema, type RecordedRow } from "../row.ts";

export class OutcomesDigest {
  readonly #hash = createHash("sha256");
  #whole = true;

  add(row: RecordedRow): void {
    const outcome = outcomeSchema.safeParse(row);
    if (!outcome.success) {
      this.#whole = false;
      return;
    }
    const digest = createHash("sha256").update(JSON.stringify(outcome.data)).digest("hex");
    this.#hash.update(`${digest}\n`);
  }

  /** Undefined when a row is not one of those that `eval` writes. Ends the digest. */
  value(): string | undefined {
    return this.#whole ? this.#hash.digest("hex") : undefined;
  }
}
