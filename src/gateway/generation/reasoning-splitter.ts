/**
 * Separates the chain of thought from the answer while both are being written. Everything up to the first `</think>` is
 * reasoning, the rest is content. Only the two marks are left out, and nothing is trimmed. Text is held back only while it may
 * still become a mark.
 */
import type { Author, SegmentToken } from "../../decode/index.ts";
import { THINK_TAGS } from "../../tags/grammar.ts";
import { partialMarkerLength } from "../../tags/partial.ts";

export type Channel = "reasoning" | "content";

/** Receives a stretch of one author's output for one channel. A mark has no text, but its tokens count for its author. */
export type Emit = (channel: Channel, author: Author, text: string, tokens: number) => void;

interface Held {
  readonly author: Author;
  readonly text: string;
  /** 0 for the second part of a token that was cut: the token counts with its first part. */
  readonly tokens: 0 | 1;
}

export class ReasoningSplitter {
  readonly #emit: Emit;
  /** `opening`: the template did not open a thought, so the model may. */
  #state: "opening" | "reasoning" | "content";
  #held: Held[] = [];
  #heldText = "";

  constructor(start: "opening" | "reasoning" | "content", emit: Emit) {
    this.#state = start;
    this.#emit = emit;
  }

  push(author: Author, text: string, tokens: readonly SegmentToken[]): void {
    if (this.#state === "content") return this.#emit("content", author, text, tokens.length);
    if (this.#state === "reasoning" && this.#held.length === 0 && !text.includes("<")) {
      return this.#emit("reasoning", author, text, tokens.length);
    }
    for (const token of tokens) this.#held.push({ author, text: token.text, tokens: 1 });
    this.#heldText += text;
    if (this.#state === "opening") this.#readOpening();
    if (this.#state === "reasoning") this.#readReasoning();
  }

  /** Ends the output. Text that was held back is not a mark, so it is released. */
  end(): void {
    this.#release(this.#heldText.length, this.#state === "reasoning" ? "reasoning" : "content");
  }

  #readOpening(): void {
    const { open } = THINK_TAGS;
    const begun = this.#heldText.trimStart();
    if (begun.startsWith(open)) {
      this.#drop(this.#heldText.length - begun.length + open.length);
      this.#state = "reasoning";
    } else if (!open.startsWith(begun)) {
      this.#state = "content";
      this.#release(this.#heldText.length, "content");
    }
  }

  #readReasoning(): void {
    const { close } = THINK_TAGS;
    const start = this.#heldText.indexOf(close);
    if (start < 0) {
      this.#release(this.#heldText.length - partialMarkerLength(this.#heldText, [close]), "reasoning");
      return;
    }
    this.#release(start, "reasoning");
    this.#drop(close.length);
    this.#state = "content";
    this.#release(this.#heldText.length, "content");
  }

  /** Emits the first `length` code units that are held. Neighbours by one author are emitted together. */
  #release(length: number, channel: Channel): void {
    let author: Author | undefined;
    let text = "";
    let tokens = 0;
    for (const part of this.#take(length)) {
      if (author !== undefined && author !== part.author) {
        this.#emit(channel, author, text, tokens);
        text = "";
        tokens = 0;
      }
      author = part.author;
      text += part.text;
      tokens += part.tokens;
    }
    if (author !== undefined) this.#emit(channel, author, text, tokens);
  }

  /** Leaves a mark out, but counts its tokens. */
  #drop(length: number): void {
    for (const { author, tokens } of this.#take(length))
      if (tokens > 0) this.#emit("reasoning", author, "", tokens);
  }

  /** Takes the first `length` code units. Empty tokens belong to the token before them. */
  #take(length: number): Held[] {
    const taken: Held[] = [];
    let left = length;
    while (this.#held.length > 0) {
      const [first] = this.#held;
      if (first === undefined || first.text.length > left) break;
      taken.push(first);
      left -= first.text.length;
      this.#held.shift();
    }
    const [cut] = this.#held;
    if (left > 0 && cut !== undefined) {
      taken.push({ ...cut, text: cut.text.slice(0, left) });
      this.#held[0] = { author: cut.author, text: cut.text.slice(left), tokens: 0 };
    }
    this.#heldText = this.#heldText.slice(length);
    return taken;
  }
}
