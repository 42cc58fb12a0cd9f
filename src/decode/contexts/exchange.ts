/**
 * Turns what one model wrote into context for the other. This is the only place where tokens cross between models: as ids where
 * both have the same vocabulary, otherwise as text.
 *
 * Text is handed over at places where tokenisers cut anyway. So the other model's tokens do not depend on when it was handed over, and the
 * output is the same for every chunk size, with and without streaming prefill.
 */
import type { TokenId } from "../../core/ids.ts";
import type { Piece } from "../../core/piece.ts";
import type { Engine } from "../../engines/engine.ts";
import { THINK_TAGS } from "../../tags/grammar.ts";

export interface ExchangedToken {
  readonly text: string;
  readonly id?: TokenId;
}

export interface Exchange {
  /** Whether ids cross: then pieces and tokens are one to one, and nothing is held back. */
  readonly shared: boolean;
  /** Takes one more token. Returns what can be handed over now. */
  push(token: ExchangedToken): readonly Piece[];
  /** The writer has stopped: hands over what was held back. */
  flush(): readonly Piece[];
  /** Forgets what was held back. */
  reset(): void;
}

export function createExchange(from: Engine, to: Engine): Exchange {
  const shared = from.vocabulary === to.vocabulary && from.capabilities.tokenIds && to.capabilities.tokenIds;
  return shared ? new IdExchange(to) : new TextExchange(to);
}

class IdExchange implements Exchange {
  readonly shared = true;
  readonly #to: Engine;

  constructor(to: Engine) {
    this.#to = to;
  }

  push(token: ExchangedToken): readonly Piece[] {
    const ids = token.id === undefined ? undefined : [token.id];
    return [
      ids === undefined
        ? { text: token.text }
        : { text: token.text, tokens: { vocabulary: this.#to.vocabulary, ids } },
    ];
  }

  flush(): readonly Piece[] {
    return [];
  }

  reset(): void {}
}

/** Code units after which a text without word boundaries (Chinese, base64) is cut anyway. */
const LONGEST_WORD = 48;

class TextExchange implements Exchange {
  readonly shared = false;
  readonly #to: Engine;
  #held = "";
  /** Whether the next text must be tokenised apart from the one before: at the start, and at a forced cut. */
  #apart = true;

  constructor(to: Engine) {
    this.#to = to;
  }

  push(token: ExchangedToken): readonly Piece[] {
    this.#held += token.text;
    const pieces: Piece[] = [];
    for (;;) {
      const cut = firstBoundary(this.#held, LONGEST_WORD);
      if (cut === undefined) return pieces;
      this.#release(cut.length, pieces);
      this.#apart = cut.forced;
    }
  }

  flush(): readonly Piece[] {
    const pieces: Piece[] = [];
    this.#release(this.#held.length, pieces);
    this.#apart = true;
    return pieces;
  }

  reset(): void {
    this.#held = "";
    this.#apart = true;
  }

  #release(length: number, pieces: Piece[]): void {
    if (length === 0) return;
    // Neighbouring texts are tokenised as one; an empty run of ids between them keeps them apart.
    if (this.#apart) {
      pieces.push({ text: "", tokens: { vocabulary: this.#to.vocabulary, ids: [] } });
    }
    pieces.push(...markThinking(this.#held.slice(0, length)));
    this.#held = this.#held.slice(length);
    this.#apart = false;
  }
}

/**
 * The first place (in code units) where tokenisers cut: before a space that follows a word, after a line's end before a word. A pattern
 * such as those of GPT-2, Llama 3, Qwen and DeepSeek never makes a token across these. `forced` when there is none in `longest`.
 */
export function firstBoundary(
  text: string,
  longest: number,
): { readonly length: number; readonly forced: boolean } | undefined {
  const most = Math.min(text.length - 1, longest);
  for (let at = 1; at <= most; at++) {
    const before = text.charAt(at - 1);
    const after = text.charAt(at);
    const wordThenSpace = after === " " && !isSpace(before);
    const lineThenWord = before === "\n" && !isSpace(after);
    if (wordThenSpace || lineThenWord) return { length: at, forced: false };
  }
  if (text.length <= longest) return undefined;
  const splitsSurrogates = text.charCodeAt(longest - 1) >> 10 === 0xd800 >> 10;
  return { length: splitsSurrogates ? longest - 1 : longest, forced: true };
}

const isSpace = (character: string): boolean => /\s/u.test(character);

const THINK_MARKERS = new RegExp(`(${THINK_TAGS.open}|${THINK_TAGS.close})`, "u");

/** Thinking marks are special tokens in most vocabularies. A model wrote them, so the other model may read them as special tokens. */
function markThinking(text: string): Piece[] {
  if (!text.includes("think>")) return [{ text }];
  return text
    .split(THINK_MARKERS)
    .filter((part) => part !== "")
    .map((part) =>
      part === THINK_TAGS.open || part === THINK_TAGS.close ? { text: part, control: true } : { text: part },
    );
}
