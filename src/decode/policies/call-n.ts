import { z } from "zod";

import { resumeReason } from "./policy.ts";
import { definePolicy } from "./policy-kind.ts";

const callNOptions = z
  .object({
    /** Tokens for a request that names no number: the open tag of a model tuned for this project. */
    tokens: z.number().int().positive().max(16_384).default(32),
    /** The most that a request may ask for. */
    maxTokens: z.number().int().positive().max(16_384).default(512),
  })
  .strict();

const CALL = { open: "<call>", close: "</call>" } as const;

/**
 * RelayLLM (arXiv 2601.05167): the small model writes `<call>n</call>`, the big one writes n tokens. Only the small model reads the
 * command; the big model and the reader never see it. A small model that was not trained for it never writes it.
 *
 * Deviation: the open tag of a model tuned for this project asks as well, for a fixed number of tokens. After them the small model is
 * given the close tag, which it did not predict. So this is also the ablation of the learned close.
 */
export const callN = definePolicy({
  name: "call-n",
  summary: "the small model asks for a number of the big model's tokens (RelayLLM)",
  uses: "pair",
  needsTags: false,
  ignores: [],
  readsHint: true,
  options: callNOptions,
  create: ({ tokens, maxTokens }) => ({
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
  }),
});
