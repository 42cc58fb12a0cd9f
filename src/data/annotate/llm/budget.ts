/**
 * What a run may spend. A request goes only when the most that it can cost still fits; what it really cost is settled when its answer
 * is there. So the limit holds also when many requests are under way.
 */
import { unlessAborted } from "../../../core/async.ts";
import type { TokenUsage } from "./chat-client.ts";

export interface Prices {
  /** Dollars for a million tokens. */
  readonly promptUsd: number;
  readonly completionUsd: number;
}

export interface BudgetLimits {
  readonly usd?: number;
  /** Prompt and completion together. */
  readonly tokens?: number;
}

export interface Spending {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly costUsd: number;
}

export class Budget {
  readonly #prices: Prices;
  readonly #limits: BudgetLimits;
  #promptTokens = 0;
  #completionTokens = 0;
  readonly #reserved = new Set<TokenUsage>();
  #wakers: (() => void)[] = [];

  constructor(prices: Prices, limits: BudgetLimits) {
    this.#prices = prices;
    this.#limits = limits;
  }

  get spent(): Spending {
    return {
      promptTokens: this.#promptTokens,
      completionTokens: this.#completionTokens,
      costUsd: this.#costUsd(this.#promptTokens, this.#completionTokens),
    };
  }

  /** Spent before, or without a reservation. */
  add({ promptTokens, completionTokens }: TokenUsage): void {
    this.#promptTokens += promptTokens;
    this.#completionTokens += completionTokens;
  }

  /**
   * Sets the most that a request can cost aside, waiting for those under way to be settled where that may make room. Undefined: it
   * does not fit, and nothing under way can change that. @throws the signal's reason.
   */
  async reserve(most: TokenUsage, signal: AbortSignal): Promise<Reservation | undefined> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#fits(most)) {
        this.#reserved.add(most);
        return {
          settle: (usage) => {
            if (!this.#reserved.delete(most)) return;
            this.add(usage);
            const wakers = this.#wakers;
            this.#wakers = [];
            for (const wake of wakers) wake();
          },
        };
      }
      if (this.#reserved.size === 0) return undefined;
      const settled = new Promise<void>((resolve) => this.#wakers.push(resolve));
      await unlessAborted(settled, signal);
    }
  }

  #fits(most: TokenUsage): boolean {
    let { promptTokens, completionTokens } = most;
    for (const reserved of this.#reserved) {
      promptTokens += reserved.promptTokens;
      completionTokens += reserved.completionTokens;
    }
    promptTokens += this.#promptTokens;
    completionTokens += this.#completionTokens;
    const { usd = Infinity, tokens = Infinity } = this.#limits;
    return promptTokens + completionTokens <= tokens && this.#costUsd(promptTokens, completionTokens) <= usd;
  }

  #costUsd(promptTokens: number, completionTokens: number): number {
    return (promptTokens * this.#prices.promptUsd + completionTokens * this.#prices.completionUsd) / 1e6;
  }
}

export interface Reservation {
  /** What it cost in the end; nothing for a request that was not answered. Counts once. */
  settle(usage: TokenUsage): void;
}
