/**
 * Counts one run as it streams. During the run, times are measured by this page. At the end the gateway's numbers replace them, because
 * they do not include the network.
 */
import type { Author, Summary, Usage } from "../api/wire.ts";

/** One author's stretch of tokens. */
export interface Span {
  readonly author: Author;
  readonly tokens: number;
}

export interface Counters {
  readonly smallTokens: number;
  readonly bigTokens: number;
  /** bigTokens / all tokens; undefined before the first token. */
  readonly share: number | undefined;
  /** Segments that the big model began. */
  readonly switches: number;
  readonly discardedTokens: number | undefined;
  readonly handoffMs: { readonly mean: number; readonly max: number } | undefined;
  readonly firstTokenMs: number | undefined;
  readonly totalMs: number;
  readonly seed: number | undefined;
  /** Whether the times and counts are the gateway's own. */
  readonly final: boolean;
  readonly spans: readonly Span[];
}

export const NO_COUNTERS: Counters = {
  smallTokens: 0,
  bigTokens: 0,
  share: undefined,
  switches: 0,
  discardedTokens: undefined,
  handoffMs: undefined,
  firstTokenMs: undefined,
  totalMs: 0,
  seed: undefined,
  final: false,
  spans: [],
};

export class Tally {
  readonly #startMs: number;
  readonly #tokens: Record<Author, number> = { small: 0, big: 0 };
  readonly #handoffs: number[] = [];
  readonly #spans: { author: Author; tokens: number }[] = [];
  #lastAuthor: Author | undefined;
  #lastMs: number;
  #switches = 0;
  #firstTokenMs: number | undefined;
  #summary: Summary | undefined;
  #usage: Usage | undefined;

  constructor(nowMs: number) {
    this.#startMs = nowMs;
    this.#lastMs = nowMs;
  }

  /** Notes that text arrived. */
  text(author: Author, nowMs: number): void {
    this.#firstTokenMs ??= nowMs - this.#startMs;
    if (author === "big" && this.#lastAuthor !== "big") {
      this.#switches++;
      // Before the first token there is nothing to hand over.
      if (this.#lastAuthor === "small") this.#handoffs.push(nowMs - this.#lastMs);
    }
    this.#lastAuthor = author;
    this.#lastMs = nowMs;
  }

  tokens(author: Author, count: number): void {
    this.#tokens[author] += count;
    const last = this.#spans.at(-1);
    if (last?.author === author) last.tokens += count;
    else if (count > 0) this.#spans.push({ author, tokens: count });
  }

  usage(usage: Usage): void {
    this.#usage = usage;
  }

  finish(summary: Summary | undefined): void {
    this.#summary = summary;
  }

  snapshot(nowMs: number): Counters {
    const summary = this.#summary;
    const details = this.#usage?.completion_tokens_details;
    const smallTokens = details?.small_tokens ?? this.#tokens.small;
    const bigTokens = details?.big_tokens ?? this.#tokens.big;
    const all = smallTokens + bigTokens;
    return {
      smallTokens,
      bigTokens,
      share: summary?.offload_share ?? (all === 0 ? undefined : bigTokens / all),
      switches: summary?.switches ?? details?.switches ?? this.#switches,
      discardedTokens: details?.discarded_tokens,
      handoffMs: this.#handoffMs(),
      firstTokenMs: summary?.first_token_ms ?? this.#firstTokenMs,
      totalMs: summary?.total_ms ?? nowMs - this.#startMs,
      seed: summary?.seed,
      final: summary !== undefined,
      spans: this.#spans.map((span) => ({ ...span })),
    };
  }

  #handoffMs(): Counters["handoffMs"] {
    if (this.#summary !== undefined) {
      const { mean, max } = this.#summary.handoff_ms ?? {};
      return mean === undefined || mean === null || max === undefined || max === null
        ? undefined
        : { mean, max };
    }
    if (this.#handoffs.length === 0) return undefined;
    const sum = this.#handoffs.reduce((total, value) => total + value, 0);
    return { mean: sum / this.#handoffs.length, max: Math.max(...this.#handoffs) };
  }
}
