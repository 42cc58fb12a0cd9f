/**
 * Limits what a run spends. A request is sent only if the most it can cost still fits; its true cost is settled when the answer
 * is there. The limit therefore also holds while many requests are under way.
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
  /** Limit on prompt and completion tokens together. */
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

  /** Adds tokens that were spent before, or without a reservation. */
  add({ promptTokens, completionTokens }: TokenUsage): void {
    this.#promptTokens += promptTokens;
    this.#completionTokens += completionTokens;
  }

  /**
   * Reserves the most that a request can cost. It waits for requests under way while settling them may make room; undefined
   * when that cannot help.
   * @throws the signal's reason.
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
  /** Settles the true cost, zero for a request without an answer. Only the first call counts. */
  settle(usage: TokenUsage): void;
}
