/** Answers of `POST /v1/completions`: one text, in which the chain of thought is what the model wrote. */
import type { ResponseFormat } from "../../generation/response-format.ts";
import { finishReason, wireReport, wireUsage } from "./report.ts";
import { ChunkText, streamEnd } from "./chunk-text.ts";

const OBJECT = "text_completion";
const OPENING = ',"text":';

export const completionFormat: ResponseFormat = {
  idPrefix: "cmpl-",
  complete: (head, choices, usage) => {
    const [first] = choices;
    return {
      id: head.id,
      object: OBJECT,
      created: head.created,
      model: head.model,
      choices: choices.map(({ result, content }) => ({
        index: result.index,
        text: content,
        logprobs: null,
        finish_reason: finishReason(result.finish.reason),
        ...(choices.length > 1 ? { splitreason: wireReport(result, head.authors) } : {}),
      })),
      usage: wireUsage(usage),
      ...(first === undefined ? {} : { splitreason: wireReport(first.result, head.authors) }),
    };
  },
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
