/** The text of one run in the order of arrival, with its authors. Each view remembers how far it has read. */
import type { Author } from "../api/wire.ts";

export interface TracePiece {
  readonly author: Author;
  readonly part: "reasoning" | "answer";
  readonly text: string;
}

export class TraceLog {
  readonly #pieces: TracePiece[] = [];
  readonly #listeners = new Set<() => void>();
  #ended = false;

  get pieces(): readonly TracePiece[] {
    return this.#pieces;
  }

  /** Whether no more text will come. */
  get ended(): boolean {
    return this.#ended;
  }

  append(piece: TracePiece): void {
    this.#pieces.push(piece);
    this.#notify();
  }

  end(): void {
    this.#ended = true;
    this.#notify();
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
