/** Answers of `POST /v1/chat/completions`. */
import type { ResponseFormat } from "../../generation/response-format.ts";
import { finishReason, wireReport, wireUsage } from "./report.ts";
import { ChunkText, streamEnd } from "./chunk-text.ts";

const OBJECT = "chat.completion.chunk";
const OPENING = {
  reasoning: ',"delta":{"reasoning_content":',
  content: ',"delta":{"content":',
} as const;

export function chatFormat(options: { readonly separateReasoning: boolean }): ResponseFormat {
  return {
    idPrefix: "chatcmpl-",
    complete: (head, choices, usage) => {
      const [first] = choices;
      return {
        id: head.id,
        object: "chat.completion",
        created: head.created,
        model: head.model,
        choices: choices.map(({ result, reasoning, content }) => ({
          index: result.index,
          message: {
            role: "assistant",
            content,
            ...(options.separateReasoning ? { reasoning_content: reasoning } : {}),
            refusal: null,
          },
          logprobs: null,
          finish_reason: finishReason(result.finish.reason),
          ...(choices.length > 1 ? { splitreason: wireReport(result, head.authors) } : {}),
        })),
        usage: wireUsage(usage),
        ...(first === undefined ? {} : { splitreason: wireReport(first.result, head.authors) }),
      };
    },
    stream: (head, streamOptions) => {
      const chunk = new ChunkText(head, OBJECT, streamOptions, "}");
      return {
        open: (choice) =>
          chunk.other(choice, { delta: { role: "assistant", content: "" }, finish_reason: null }),
        text: (choice, channel, author, text, tokens) =>
          chunk.text(choice, OPENING[channel], author, text, tokens),
        finish: (result) =>
          chunk.other(
            result.index,
            { delta: {}, finish_reason: finishReason(result.finish.reason) },
            { splitreason: wireReport(result, false) },
          ),
        ...streamEnd(head, OBJECT, streamOptions),
      };
    },
  };
}
