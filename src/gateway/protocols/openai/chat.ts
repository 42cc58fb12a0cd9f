/** Requests and answers of `POST /v1/chat/completions`. */
import { z } from "zod";

import type { ChatMessage } from "../../../tokenizer/chat-template.ts";
import type { ResponseFormat } from "../../generation/response-format.ts";
import { optional } from "../../request/read-request.ts";
import { ChunkText, streamEnd } from "./chunk-text.ts";
import { EMPTY, honouredFields, neutralFields, NOT_OFFERED, only, wireText } from "./fields.ts";
import { finishReason, wholeAnswer, wireReport } from "./report.ts";

const OBJECT = "chat.completion.chunk";
const OPENING = {
  reasoning: ',"delta":{"reasoning_content":',
  content: ',"delta":{"content":',
} as const;

export function chatFormat(options: { readonly separateReasoning: boolean }): ResponseFormat {
  return {
    idPrefix: "chatcmpl-",
    complete: (head, choices, usage) =>
      wholeAnswer(head, "chat.completion", choices, usage, ({ reasoning, content }) => ({
        message: {
          role: "assistant",
          content,
          ...(options.separateReasoning ? { reasoning_content: reasoning } : {}),
          refusal: null,
        },
      })),
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

const NO_TOOLS = "tools cannot be honoured here: leave it out";

const textPart = z
  .object({ type: z.literal("text", { error: "only parts of type text can be read here" }), text: wireText })
  .strict();

const content = z
  .union([wireText, z.array(textPart)], {
    error: 'it must be a text, or an array of parts {"type": "text", "text"}',
  })
  .transform((value) => (typeof value === "string" ? value : value.map(({ text }) => text).join("")));

const promptMessage = (role: "system" | "developer" | "user") =>
  z.object({ role: z.literal(role), content, name: only(EMPTY, NOT_OFFERED) }).strict();

/** An earlier answer. OpenAI's clients send further fields with it; their values must ask for nothing. */
const assistantMessage = z
  .object({
    role: z.literal("assistant"),
    content,
    /** Thoughts of earlier turns. The model does not see them again: the templates of reasoning models leave them out. */
    reasoning_content: optional(z.string()),
    reasoning: optional(z.string()),
    name: only(EMPTY, NOT_OFFERED),
    refusal: only([...EMPTY, ""], NOT_OFFERED),
    audio: only(EMPTY, NOT_OFFERED),
    annotations: only([...EMPTY, []], NOT_OFFERED),
    tool_calls: only([...EMPTY, []], NO_TOOLS),
    function_call: only(EMPTY, NO_TOOLS),
  })
  .strict();

const message = z.discriminatedUnion(
  "role",
  [promptMessage("system"), promptMessage("developer"), promptMessage("user"), assistantMessage],
  { error: "the role must be system, developer, user or assistant" },
);

export const chatRequestSchema = z
  .object({
    ...honouredFields,
    ...neutralFields,
    messages: z.array(message).min(1, "at least one message is needed").max(10_000),
    max_completion_tokens: optional(z.number().int().positive()),
    logprobs: only([...EMPTY, false], "log-probabilities are not given here: leave it out or send false"),
    top_logprobs: only([...EMPTY, 0], "log-probabilities are not given here: leave it out"),
    response_format: only([...EMPTY, { type: "text" }], 'only {"type": "text"} can be honoured here'),
    tools: only([...EMPTY, []], NO_TOOLS),
    tool_choice: only([...EMPTY, "none", "auto"], NO_TOOLS),
    parallel_tool_calls: z.boolean().nullish(),
    functions: only([...EMPTY, []], NO_TOOLS),
    function_call: only([...EMPTY, "none", "auto"], NO_TOOLS),
    modalities: only([...EMPTY, ["text"]], 'only ["text"] can be honoured here'),
    audio: only(EMPTY, NOT_OFFERED),
    prediction: only(EMPTY, NOT_OFFERED),
    reasoning_effort: only(
      EMPTY,
      "the effort is set with the dial here (splitreason.budget, splitreason.bias): leave it out",
    ),
    verbosity: only(EMPTY, NOT_OFFERED),
    web_search_options: only(EMPTY, NOT_OFFERED),
  })
  .strict()
  .refine(
    ({ max_tokens: old, max_completion_tokens: current }) =>
      old === undefined || current === undefined || old === current,
    { path: ["max_tokens"], message: "it differs from max_completion_tokens; send one of the two" },
  )
  .refine(({ messages }) => messages.some(({ content: text }) => text.trim() !== ""), {
    path: ["messages"],
    message: "the prompt is empty; at least one message needs text",
  });

export type ChatRequest = z.output<typeof chatRequestSchema>;

/** The messages for a chat template. A developer's message is a system message. */
export function chatMessages({ messages }: ChatRequest): ChatMessage[] {
  return messages.map(({ role, content: text }) => ({
    role: role === "developer" ? "system" : role,
    content: text,
  }));
}
