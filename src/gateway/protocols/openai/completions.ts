/** Requests and answers of `POST /v1/completions`: one text, in which the chain of thought is what the model wrote. */
import { z } from "zod";

import type { ResponseFormat } from "../../generation/response-format.ts";
import { optional } from "../../request/read-request.ts";
import { ChunkText, streamEnd } from "./chunk-text.ts";
import { EMPTY, honouredFields, neutralFields, NOT_OFFERED, only, textField } from "./fields.ts";
import { finishReason, wholeAnswer, wireReport } from "./report.ts";

const OBJECT = "text_completion";
const OPENING = ',"text":';

export const completionFormat: ResponseFormat = {
  idPrefix: "cmpl-",
  complete: (head, choices, usage) =>
    wholeAnswer(head, OBJECT, choices, usage, ({ content }) => ({ text: content })),
  stream: (head, options) => {
    const chunk = new ChunkText(head, OBJECT, options, ',"logprobs":null');
    return {
      open: () => "",
      text: (choice, _channel, author, text, tokens) => chunk.text(choice, OPENING, author, text, tokens),
      finish: (result) =>
        chunk.other(
          result.index,
          { text: "", logprobs: null, finish_reason: finishReason(result.finish.reason) },
          { splitreason: wireReport(result, false) },
        ),
      ...streamEnd(head, OBJECT, options),
    };
  },
};

const promptText = textField("it must be text; token ids cannot be read here").min(1, "the prompt is empty");

export const completionRequestSchema = z
  .object({
    ...honouredFields,
    ...neutralFields,
    prompt: z
      .union([promptText, z.array(promptText).min(1, "the prompt is empty").max(128)], {
        error: (issue) =>
          issue.input === undefined
            ? "it is missing"
            : "it must be a text of at least one character, or an array of such texts; token ids cannot be read here",
      })
      .transform((prompt) => (typeof prompt === "string" ? [prompt] : prompt)),
    best_of: optional(z.number().int().positive()),
    echo: only([...EMPTY, false], NOT_OFFERED),
    suffix: only([...EMPTY, ""], NOT_OFFERED),
    logprobs: only(EMPTY, "log-probabilities are not given here: leave it out"),
  })
  .strict()
  .refine(({ best_of: best, n }) => best === undefined || best === (n ?? 1), {
    path: ["best_of"],
    message: "choosing among more than n candidates cannot be honoured here: leave it out",
  });

export type CompletionRequest = z.output<typeof completionRequestSchema>;
