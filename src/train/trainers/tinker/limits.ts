/** Limits of one request: at most 1,024 datums and 5 MB (Tinker protocol). */
import { TrainError } from "../../../core/errors.ts";

const MOST_DATUMS = 1_024;
const MOST_BYTES = 5_000_000;
/** Bytes of names, sequence number and loss; and about three bytes for each datum's length. */
const OVERHEAD_BYTES = 4_096;
const OVERHEAD_PER_DATUM_BYTES = 6;

/** Splits items into consecutive groups that keep the limits. @throws TrainError for a datum that is too large by itself. */
export function splitByLimits<Item extends { readonly encoded: Uint8Array }>(
  items: readonly Item[],
): Item[][] {
  const groups: Item[][] = [];
  let group: Item[] = [];
  let sizeBytes = OVERHEAD_BYTES;
  for (const item of items) {
    const itemBytes = item.encoded.length + OVERHEAD_PER_DATUM_BYTES;
    if (OVERHEAD_BYTES + itemBytes > MOST_BYTES) {
      throw new TrainError(
        `a datum has ${item.encoded.length} bytes on the wire; a trainer server takes ${MOST_BYTES} in a request. Leave out examples this long.`,
        { code: "train-invalid" },
      );
    }
    if (group.length === MOST_DATUMS || sizeBytes + itemBytes > MOST_BYTES) {
      groups.push(group);
      group = [];
      sizeBytes = OVERHEAD_BYTES;
    }
    group.push(item);
    sizeBytes += itemBytes;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
