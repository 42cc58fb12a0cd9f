/** A digest of plain data: names a configuration in every result that was made with it. */
import { createHash } from "node:crypto";

/** The first 16 hexadecimal digits of SHA-256 over canonical JSON: the order of keys does not matter, nor do undefined ones. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 16);
}

/** The same over bytes, of which the order counts. */
export function digestOfBytes(parts: Iterable<Uint8Array>): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex").slice(0, 16);
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    item !== null && typeof item === "object" && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
