/**
 * Prints a split trace as it is written: each token in its author's colour or, without colours, the big model's words between
 * marks. No text of a model reaches the terminal as a control sequence.
 */
import { count, duration, percent } from "../../core/figures.ts";
import type { Author, SplitEvent, Timing, Usage } from "../../decode/events/events.ts";
import { type Paint, printable } from "../support/terminal.ts";

/** Marks around the big model's text where there are no colours. */
const MARKS = { open: "«", close: "»" } as const;

export class TraceView {
  readonly #write: (text: string) => void;
  readonly #paint: Paint;
  #author: Author | undefined;
  #atLineStart = true;

  constructor(write: (text: string) => void, paint: Paint) {
    this.#write = write;
    this.#paint = paint;
  }

  /** Prints one line that explains the colours or marks. */
  legend(models: { readonly small: string; readonly big: string }): void {
    const small = `small (${printable(models.small)})`;
    const big = `big (${printable(models.big)})`;
    const text = this.#paint.isColorSupported
      ? `${this.#inColor("small", small)}  ${this.#inColor("big", big)}`
      : `${small} writes plainly, ${MARKS.open}${big} between marks${MARKS.close}`;
    this.#write(`${text}\n\n`);
  }

  push(event: SplitEvent): void {
    switch (event.type) {
      case "segment-delta":
        this.#text(event.author, event.text);
        break;
      case "degraded":
        this.#switchTo(undefined);
        this.#write(this.#paint.yellow(` [the big model is out: ${printable(event.message)}] `));
        break;
      case "finish":
        this.end();
        break;
      case "segment-start":
      case "segment-end":
      case "tag":
        break;
      default:
        event satisfies never;
    }
  }

  /** Ends the trace: closes an open mark and leaves an empty line. */
  end(): void {
    this.#switchTo(undefined);
    this.#write(this.#atLineStart ? "\n" : "\n\n");
  }

  #text(author: Author, text: string): void {
    if (text === "") return;
    // Marks follow the text, not the segments: two adjacent segments of the big model share one pair of marks.
    this.#switchTo(author);
    this.#write(this.#inColor(author, printable(text)));
    this.#atLineStart = text.endsWith("\n");
  }

  #switchTo(author: Author | undefined): void {
    if (!this.#paint.isColorSupported && author !== this.#author) {
      if (this.#author === "big") this.#write(MARKS.close);
      if (author === "big") this.#write(MARKS.open);
    }
    this.#author = author;
  }

  #inColor(author: Author, text: string): string {
    return author === "big" ? this.#paint.bold(this.#paint.magenta(text)) : text;
  }
}

/** `214 tokens: small 201, big 13 (6.1%); 2 hand-offs of 3.2 ms on average; 4 discarded; 1.2 s, first token after 12 ms`. */
export function figures(usage: Usage, timing: Timing): string {
  const { smallTokens, bigTokens, discardedTokens, switches } = usage;
  const handoffs = timing.handoffsMs;
  const average = handoffs.reduce((sum, value) => sum + value, 0) / handoffs.length;
  const parts = [
    `${count(smallTokens + bigTokens)} tokens: small ${count(smallTokens)}, big ${count(bigTokens)} (${percent(usage.offloadShare)})`,
    `${switches} hand-off${switches === 1 ? "" : "s"}${handoffs.length > 0 ? ` of ${duration(average)} on average` : ""}`,
    `${count(discardedTokens)} discarded`,
    `${duration(timing.totalMs)}${timing.firstTokenMs === undefined ? "" : `, first token after ${duration(timing.firstTokenMs)}`}`,
  ];
  return parts.join("; ");
}
