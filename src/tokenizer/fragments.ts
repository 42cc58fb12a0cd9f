/** Cuts pieces into plain texts, markers and known ids, before anything is tokenised. */
import type { TokenId, VocabularyId } from "../core/ids.ts";
import type { Piece } from "../core/piece.ts";

export type Fragment<Control> =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "control"; readonly control: Control }
  | { readonly kind: "tokens"; readonly ids: readonly TokenId[] };

/** Finds markers in trusted text: the leftmost one, and at the same place the longest one. */
export class MarkerMatcher<Control> {
  readonly #controls: ReadonlyMap<string, Control>;
  readonly #pattern: RegExp | undefined;

  constructor(controls: ReadonlyMap<string, Control>) {
    this.#controls = controls;
    const alternatives = [...controls.keys()]
      .filter((marker) => marker !== "")
      .sort((a, b) => b.length - a.length)
      .map((marker) => marker.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
    this.#pattern = alternatives.length === 0 ? undefined : new RegExp(alternatives.join("|"), "gu");
  }

  get(marker: string): Control | undefined {
    return this.#controls.get(marker);
  }

  /**
   * Cuts pieces into fragments. Neighbouring texts are joined, also across pieces. So the result depends on the whole text and on where
   * markers are trusted, not on the cuts between pieces. Ids of the given vocabulary are kept.
   */
  fragments(pieces: readonly Piece[], vocabulary: VocabularyId): Fragment<Control>[] {
    const fragments: Fragment<Control>[] = [];
    let text = "";
    const flush = () => {
      if (text !== "") fragments.push({ kind: "text", text });
      text = "";
    };
    for (const piece of pieces) {
      if (piece.tokens?.vocabulary === vocabulary) {
        flush();
        fragments.push({ kind: "tokens", ids: piece.tokens.ids });
        continue;
      }
      let start = 0;
      if (piece.control === true && this.#pattern !== undefined) {
        for (const match of piece.text.matchAll(this.#pattern)) {
          const control = this.#controls.get(match[0]);
          if (control === undefined) continue;
          text += piece.text.slice(start, match.index);
          flush();
          fragments.push({ kind: "control", control });
          start = match.index + match[0].length;
        }
      }
      text += piece.text.slice(start);
    }
    flush();
    return fragments;
  }
}

/** Cuts a text after the first character of each marker in it, so that no part holds a whole marker. */
export function cutWithinMarkers(text: string, markers: Iterable<string>): readonly string[] {
  let parts: readonly string[] = [text];
  for (const marker of markers) {
    parts = parts.flatMap((part) => {
      const pieces = part.split(marker);
      return pieces.map(
        (piece, index) =>
          `${index === 0 ? "" : marker.slice(1)}${piece}${index === pieces.length - 1 ? "" : marker.charAt(0)}`,
      );
    });
  }
  return parts.filter((part) => part !== "");
}
