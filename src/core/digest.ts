/** Digests of plain data. A result names its configuration by such a digest. */
import { createHash } from "node:crypto";

/** The first 16 hexadecimal digits of SHA-256 over canonical JSON. The order of keys and undefined fields do not matter. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 16);
}

/** The first 16 hexadecimal digits of SHA-256 over bytes, in order. */
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
