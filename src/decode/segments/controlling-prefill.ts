/**
 * The controlling prefill (Paper 3.1): the small model reads what the big one writes. This keeps its context current, and tells
 * after each token whether it would take the pen back there. The first such place is the cut.
 */
import type { Piece } from "../../core/piece.ts";
import type { ScoreEntry } from "../../engines/engine.ts";
import type { BigToken } from "../contexts/big-reader.ts";
import type { CloseRule } from "../session/close-rule.ts";
import type { Exchange } from "../contexts/exchange.ts";
import type { LedgerBuilder } from "../events/ledger.ts";
import { mergeIds } from "../contexts/merge-ids.ts";
import type { ModelContext } from "../contexts/model-context.ts";

export interface Confirmation {
  /** Tokens that stay, in order. Those still held back, because the other model has half a word of them, come later. */
  readonly tokens: readonly BigToken[];
  readonly status: "continue" | "cut" | "context-full";
  /** log P(close) at the cut. */
  readonly logprob?: number;
  /** The beginning of the last token, when the cut fell within it: only this much of its text stays. */
  readonly remainder?: string;
}

interface Read {
  readonly entries: readonly ScoreEntry[];
  readonly pieces: readonly Piece[];
  readonly full: boolean;
}

export class ControllingPrefill {
  readonly #small: ModelContext;
  readonly #exchange: Exchange;
  readonly #closeTag: string;
  readonly #rule: CloseRule;
  readonly #ledger: LedgerBuilder | undefined;
  /** Tokens that the big model wrote and that are not confirmed to the end. */
  #waiting: BigToken[] = [];
  /** Code units of the first waiting token that are confirmed. */
  #confirmedOfFirst = 0;
  /** log P(close) after the last token read; unknown before the first, where no close is allowed. */
  #lastCloseLogprob: number | undefined;

  constructor(
    small: ModelContext,
    exchange: Exchange,
    close: { readonly tag: string; readonly rule: CloseRule },
    ledger: LedgerBuilder | undefined,
  ) {
    this.#small = small;
    this.#exchange = exchange;
    this.#closeTag = close.tag;
    this.#rule = close.rule;
    this.#ledger = ledger;
  }

  /** Lets the small model read a chunk in one call. `last`: nothing follows, so nothing is held back. */
  async confirm(chunk: readonly BigToken[], last: boolean): Promise<Confirmation> {
    const pieces = chunk.flatMap((token) => this.#exchange.push(token));
    if (last) pieces.push(...this.#exchange.flush());
    this.#waiting.push(...chunk);
    if (pieces.length === 0) return { tokens: this.#takeUnits(0, false), status: "continue" };
    const read = await this.#read(pieces);
    return this.#exchange.shared ? this.#confirmTokens(read) : this.#confirmText(read);
  }

  /** All at once; when the context has no room for that, as many pieces as fit, so that chunk sizes do not show. */
  async #read(pieces: readonly Piece[]): Promise<Read> {
    const all = await this.#small.score(mergeIds(pieces), [this.#closeTag]);
    if (all.status === "ok") return { entries: all.entries, pieces, full: false };
    const entries: ScoreEntry[] = [];
    let fitting = 0;
    for (const piece of pieces) {
      const one = await this.#small.score([piece], [this.#closeTag]);
      if (one.status === "context-full") break;
      entries.push(...one.entries);
      fitting++;
    }
    return { entries, pieces: pieces.slice(0, fitting), full: true };
  }

  /** Same vocabulary: an entry a token, or from an engine that probes an entry for some of them, the last one included. */
  async #confirmTokens({ entries, pieces, full }: Read): Promise<Confirmation> {
    const count = pieces.length;
    // Pieces are one to one with tokens, so that positions tell which token an entry comes after.
    const start = (entries.at(-1)?.position ?? 0) - count;
    const indexOf = (entry: ScoreEntry): number => entry.position - start - 1;
    const cut = entries.findIndex((entry) => {
      // No close within a code point: the text of a token that is not whole yet is empty.
      const complete = this.#waiting[indexOf(entry)]?.text !== "";
      return complete && this.#rule.closesAfter(entry);
    });
    const last = entries[cut];
    const kept = this.#waiting.splice(0, last === undefined ? count : indexOf(last) + 1);
    const byIndex = new Map(entries.map((entry) => [indexOf(entry), entry]));
    kept.forEach((token, index) => this.#recordBig(token, byIndex.get(index)));
    if (cut < 0) return { tokens: kept, status: full ? "context-full" : "continue" };
    return { tokens: kept, ...(await this.#cutAfter(entries, cut)) };
  }

  /** Different vocabularies: the small model's tokens are not the big one's, the text is what both have. */
  async #confirmText({ entries, pieces, full }: Read): Promise<Confirmation> {
    const length = pieces.reduce((sum, { text }) => sum + text.length, 0);
    const reported = entries.reduce((sum, { text }) => sum + text.length, 0);
    // An engine that reports no exact texts leaves one place to cut: the end.
    const exact = reported === length;
    const cut = entries.findIndex(
      (entry, index) =>
        (exact ? entry.text !== "" : index === entries.length - 1) && this.#rule.closesAfter(entry),
    );
    const stay = cut < 0 ? entries : entries.slice(0, cut + 1);
    const units = exact ? stay.reduce((sum, { text }) => sum + text.length, 0) : length;
    if (exact) for (const entry of stay) this.#recordText(entry);
    else
      this.#ledger?.addWrite([], { author: "big", text: pieces.map(({ text }) => text).join(""), mask: 0 });
    const kept = this.#takeUnits(units, cut >= 0);
    if (cut < 0) return { tokens: kept, status: full ? "context-full" : "continue" };
    const within = this.#confirmedOfFirst;
    const first = this.#waiting[0];
    const split = within > 0 && first !== undefined ? this.#splitToken(first, within) : undefined;
    return {
      tokens: split === undefined ? kept : [...kept, split],
      ...(split === undefined ? {} : { remainder: split.text }),
      ...(await this.#cutAfter(entries, cut)),
    };
  }

  async #cutAfter(entries: readonly ScoreEntry[], cut: number): Promise<{ status: "cut"; logprob?: number }> {
    const entry = entries[cut];
    if (entry !== undefined && cut < entries.length - 1) {
      await this.#small.sequence.truncate(entry.position);
    }
    const logprob = entry?.watchLogprobs[0];
    return { status: "cut", ...(logprob === undefined ? {} : { logprob }) };
  }

  /**
   * The waiting tokens that end within the next `units` code units of confirmed text. At a cut, a token after them without text of its
   * own is the beginning of a code point that is discarded.
   */
  #takeUnits(units: number, isCut: boolean): BigToken[] {
    let left = this.#confirmedOfFirst + units;
    let count = 0;
    for (const { text } of this.#waiting) {
      if (text.length > left || (isCut && left === 0)) break;
      left -= text.length;
      count++;
    }
    this.#confirmedOfFirst = left;
    return this.#waiting.splice(0, count);
  }

  /** The beginning of a token: no token of the vocabulary, so it has no id and no log-probability. */
  #splitToken(token: BigToken, units: number): BigToken {
    return { text: token.text.slice(0, units), position: token.position };
  }

  #recordBig(token: BigToken, entry: ScoreEntry | undefined): void {
    const closeLogprob = this.#nextCloseLogprob(entry, token.text);
    this.#ledger?.add(token, { author: "big", mask: 0, closeLogprob });
  }

  #recordText(entry: ScoreEntry): void {
    const closeLogprob = this.#nextCloseLogprob(entry, entry.text);
    this.#ledger?.add({ id: entry.id, text: entry.text }, { author: "big", mask: 0, closeLogprob });
  }

  /** The decision before this token. Remembers the one after it; within a code point there is none (the text of the token is empty). */
  #nextCloseLogprob(entry: ScoreEntry | undefined, text: string): number | undefined {
    const before = this.#lastCloseLogprob;
    this.#lastCloseLogprob = text === "" ? undefined : entry?.watchLogprobs[0];
    return before;
  }
}
