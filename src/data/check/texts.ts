/** Remembers texts as digests, to find duplicate rows and texts that differ from the source. */
import { createHash } from "node:crypto";

/** Sixteen bytes of SHA-256: different texts never share them by chance. */
export function textDigest(...parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part, "utf16le");
  return hash.digest("base64url").slice(0, 22);
}

/** The traces of a source by id. */
export class SourceTexts {
  readonly #digests = new Map<string, string>();
  readonly #seen = new Set<string>();

  get size(): number {
    return this.#digests.size;
  }

  add(id: string, trace: string): void {
    this.#digests.set(id, textDigest(trace));
  }

  compare(id: string, trace: string): "same" | "changed" | "unknown" {
    const digest = this.#digests.get(id);
    if (digest === undefined) return "unknown";
    this.#seen.add(id);
    return digest === textDigest(trace) ? "same" : "changed";
  }

  /** Ids that no row was compared with. */
  *missing(): Generator<string> {
    for (const id of this.#digests.keys()) {
      if (!this.#seen.has(id)) yield id;
    }
  }
}
