import { z } from "zod";

import type { Policy } from "./policy.ts";
import { resumeReason } from "./policy.ts";

export const callNOptionsSchema = z
  .object({
    /** Tokens for a request that names no number: the open tag of a model tuned for this project. */
    tokens: z.number().int().positive().max(16_384).default(32),
    /** The most that a request may ask for. */
    maxTokens: z.number().int().positive().max(16_384).default(512),
  })
  .strict();

export type CallNOptions = z.input<typeof callNOptionsSchema>;

const CALL = { open: "<call>", close: "</call>" } as const;

/**
 * RelayLLM (arXiv 2601.05167): the small model writes `<call>n</call>`, the big one writes n tokens. The command is the small model's to
 * read; the big model and the reader never see it. A small model that was not trained for it never writes it.
 *
 * Deviation: the open tag of a model tuned for this project asks as well, for a fixed number of tokens; behind them the small model is
 * given the close tag, which it did not predict. So this is also the ablation of the learned close.
 */
export function callN(options: CallNOptions = {}): Policy {
  const { tokens, maxTokens } = callNOptionsSchema.parse(options);
  return {
    name: "call-n",
    uses: "pair",
    needsTags: false,
    needs: { forbidding: true },
    start: ({ hasTags }) => {
      let called: number | undefined;
      return {
        next: ({ segments }) => {
          const last = segments.at(-1);
          if (last?.author === "small" && last.end === "open-tag") {
            const asked = called;
            called = undefined;
            return {
              author: "big",
              reason: "open-tag",
              close: asked === undefined ? "forced" : "never",
              maxTokens: Math.min(asked ?? tokens, maxTokens),
              onEndOfTurn: "return",
            };
          }
          return {
            author: "small",
            reason: resumeReason(last?.end),
            tags: hasTags ? "ask-big" : "banned",
            call: { ...CALL, asked: (n) => (called = n) },
          };
        },
      };
    },
  };
}
