import { describe, expect, it } from "vitest";

import { tokenId } from "../../core/ids.ts";
import { type Ledger, type LedgerToken } from "../../decode/events/ledger.ts";
import { trajectoryFrom } from "./trajectory.ts";

const ids = { open: tokenId(9), close: tokenId(8), endOfTurn: tokenId(7) };
const token = (id: number, author: LedgerToken["author"], more: Partial<LedgerToken> = {}): LedgerToken => ({
  id: tokenId(id),
  text: "",
  author,
  mask: author === "policy" ? 1 : 0,
  ...more,
});

/** A granted request that the policy closes, a refused one, and a segment that is closed by force. */
const ledger: Ledger = {
  tokens: [
    token(1, "prompt"),
    token(2, "prompt"),
    token(3, "policy", { logprob: -0.5 }),
    token(9, "policy", { logprob: -0.7 }),
    token(4, "big", { logprob: -0.1 }),
    token(5, "big", { logprob: -0.1, closeLogprob: Math.log(0.25) }),
    token(8, "policy", { logprob: -0.2 }),
    token(6, "policy", { logprob: -3, mask: 0 }),
    token(9, "policy", { logprob: -0.9 }),
    token(4, "big", { logprob: -0.1 }),
    token(8, "template"),
  ],
  endOfTurn: { logprob: -0.05, mask: 1 },
};

describe("trajectoryFrom", () => {
  it("has the policy's own choices, and which they are", () => {
    const { tokens, decisions } = trajectoryFrom(ledger, ids);
    expect(tokens.map(Number)).toEqual([1, 2, 3, 9, 4, 5, 8, 6, 9, 4, 8]);
    expect(decisions.map(({ position, kind, target }) => [position, kind, Number(target)])).toEqual([
      [1, "token", 3],
      [2, "open", 9],
      [4, "read-on", 8],
      [5, "close", 8],
      [7, "open", 9],
      [10, "end", 7],
    ]);
    expect(decisions.find(({ kind }) => kind === "read-on")?.logprob).toBeCloseTo(Math.log(0.75));
    expect(decisions.map(({ bigTokensAhead }) => bigTokensAhead)).toEqual([
      undefined,
      2,
      1,
      undefined,
      1,
      undefined,
    ]);
  });

  it("trains neither forced closes, nor big tokens, nor what took the place of a refused tag", () => {
    const { decisions } = trajectoryFrom(ledger, ids);
    const trained = new Set(
      decisions.filter(({ kind }) => kind !== "read-on").map(({ position }) => position + 1),
    );
    for (const [index, { author, mask }] of ledger.tokens.entries()) {
      if (author !== "policy" || mask === 0) expect(trained.has(index)).toBe(false);
    }
  });

  it("refuses a ledger without ids or without log-probabilities", () => {
    const without = (change: (tokens: LedgerToken[]) => void): Ledger => {
      const tokens = ledger.tokens.map((one) => ({ ...one }));
      change(tokens);
      return { tokens };
    };
    expect(() =>
      trajectoryFrom(
        without((tokens) => {
          tokens[4] = { text: "12", author: "big", mask: 0 };
        }),
        ids,
      ),
    ).toThrow(/token 4 \(big\) has no id/);
    expect(() =>
      trajectoryFrom(
        without((tokens) => {
          tokens[3] = token(9, "policy");
        }),
        ids,
      ),
    ).toThrow(/token 3 \(open\) has no log-probability/);
  });
});
