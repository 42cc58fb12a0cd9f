/**
 * Writes a trace into the page without a virtual DOM, so that the hundred-thousandth token costs as much as the first. New text is
 * appended to the last text node, at most once a frame. Each line is a block of its own, and the browser lays out only visible ones.
 *
 * Everything that a model wrote becomes text nodes, never markup.
 */
import type { Author } from "../api/wire.ts";
import type { TraceLog, TracePiece } from "../run/trace-log.ts";
import { endsInDisplayMath } from "./formulas.ts";
import { Typesetter } from "./typeset.ts";

const AUTHOR_NAMES: Readonly<Record<Author, string>> = { small: "small model: ", big: "big model: " };
/** Distance to the lower end within which the view follows new text. */
const FOLLOW_PX = 48;
/** Number of lines from which on invisible lines are not laid out. */
const LONG_TRACE_LINES = 100;

export class TraceView {
  readonly #scroller: HTMLElement;
  readonly #log: TraceLog;
  readonly #typesetter = new Typesetter();
  readonly #caret: HTMLElement;
  readonly #unsubscribe: () => void;
  #next = 0;
  #frame: number | undefined;
  #part: TracePiece["part"] | undefined;
  #section: HTMLElement | undefined;
  #block: HTMLElement | undefined;
  #blockText = "";
  #author: Author | undefined;
  /** The author that screen readers were told last. */
  #namedAuthor: Author | undefined;
  #text: Text | undefined;
  #lines = 0;

  /** @param scroller The element that scrolls. It must be empty, and belongs to this view until `close`. */
  constructor(scroller: HTMLElement, log: TraceLog) {
    this.#scroller = scroller;
    this.#log = log;
    this.#caret = document.createElement("span");
    this.#caret.className = "caret";
    this.#caret.setAttribute("aria-hidden", "true");
    this.#unsubscribe = log.subscribe(() => this.#schedule());
    this.#write();
  }

  close(): void {
    this.#unsubscribe();
    this.#typesetter.close();
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#scroller.replaceChildren();
  }

  #schedule(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#write();
    });
  }

  #write(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const follow = scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
    const { pieces } = this.#log;
    // Pieces of one author become one append.
    while (this.#next < pieces.length) {
      const first = pieces[this.#next++];
      if (first === undefined) break;
      let text = first.text;
      for (let piece = pieces[this.#next]; piece !== undefined; piece = pieces[this.#next]) {
        if (piece.author !== first.author || piece.part !== first.part) break;
        text += piece.text;
        this.#next++;
      }
      this.#append(first.part, first.author, text);
    }
    if (this.#log.ended) this.#finish();
    else this.#placeCaret();
    if (follow) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #append(part: TracePiece["part"], author: Author, text: string): void {
    let rest = text;
    if (part !== this.#part) {
      this.#openPart(part);
      rest = rest.trimStart();
    }
    for (let newline = rest.indexOf("\n"); newline >= 0; newline = rest.indexOf("\n")) {
      this.#writeLine(author, rest.slice(0, newline));
      if (endsInDisplayMath(this.#blockText)) this.#writeLine(author, "\n");
      else this.#closeBlock();
      rest = rest.slice(newline + 1);
    }
    this.#writeLine(author, rest);
  }

  /** Text without line ends outside of display math. */
  #writeLine(author: Author, text: string): void {
    if (text === "") return;
    if (this.#block === undefined) this.#openBlock();
    if (this.#text === undefined || this.#author !== author) this.#openSpan(author);
    this.#text?.appendData(text);
    this.#blockText += text;
  }

  #openPart(part: TracePiece["part"]): void {
    this.#closeBlock();
    this.#part = part;
    this.#section = document.createElement("div");
    this.#section.className = `trace-${part}`;
    this.#scroller.append(this.#section);
  }

  #openBlock(): void {
    this.#block = document.createElement("p");
    this.#section?.append(this.#block);
    if (++this.#lines === LONG_TRACE_LINES) this.#scroller.classList.add("trace-long");
    this.#blockText = "";
  }

  #openSpan(author: Author): void {
    const span = document.createElement("span");
    span.className = `by-${author}`;
    if (this.#namedAuthor !== author && (author === "big" || this.#namedAuthor !== undefined)) {
      const name = document.createElement("span");
      name.className = "author-name";
      name.textContent = AUTHOR_NAMES[author];
      this.#block?.append(name);
    }
    this.#namedAuthor = author;
    this.#author = author;
    this.#text = document.createTextNode("");
    span.append(this.#text);
    this.#block?.append(span);
  }

  #closeBlock(): void {
    if (this.#block !== undefined) this.#typesetter.add(textNodes(this.#block));
    this.#block = undefined;
    this.#blockText = "";
    this.#text = undefined;
    this.#author = undefined;
  }

  #placeCaret(): void {
    this.#caret.dataset["author"] = this.#namedAuthor ?? "small";
    const home = this.#block ?? this.#scroller;
    if (this.#caret.parentElement !== home || home.lastChild !== this.#caret) home.append(this.#caret);
  }

  #finish(): void {
    this.#caret.remove();
    this.#closeBlock();
  }
}

/** The text that models wrote in a block, node by node. */
function* textNodes(block: HTMLElement): Generator<Text> {
  for (const span of block.querySelectorAll(".by-small, .by-big")) {
    const text = span.firstChild;
    if (text instanceof Text) yield text;
  }
}
