/** `POST /v1/chat/completions` and `POST /v1/completions`: from a body to a checked request to an answer. */
import { ConfigError } from "../../../core/errors.ts";
import { textPiece } from "../../../core/piece.ts";
import type { PairPrompt } from "../../../decode/pair/pair.ts";
import { invalidRequest, toGatewayError } from "../../failures/gateway-error.ts";
import { type AnswerContext, answer } from "../../generation/answer.ts";
import { chatFormat } from "./chat-format.ts";
import { chatMessages, type ChatRequest, chatRequestSchema } from "./chat-request.ts";
import { completionFormat } from "./completion-format.ts";
import { completionRequestSchema } from "./completion-request.ts";
import { checkFields, readJson } from "../../request/read-request.ts";
import type { GenerationRequest } from "../../request/generation-request.ts";
import { planGeneration } from "../../request/plan.ts";
import type { PromptRenderer } from "../../request/prompt-renderer.ts";
import type { RequestScope } from "../../request/request-scope.ts";

export interface GenerationContext extends AnswerContext {
  readonly drawSeed: () => number;
  readonly renderer: PromptRenderer;
}

export const CHAT_ROUTE = "/v1/chat/completions";
export const COMPLETION_ROUTE = "/v1/completions";

export async function answerChat(
  http: Request,
  scope: RequestScope,
  context: GenerationContext,
): Promise<Response> {
  const { config, renderer } = context;
  const wire = checkFields(chatRequestSchema, await readJson(http, config.limits.bodyBytes, scope.signal));
  const reasoning = wire.splitreason?.reasoning ?? config.reasoning;
  const planned = planGeneration(
    wire,
    {
      prompts: [renderPrompt(renderer, wire)],
      promptField: "messages",
      maxTokens:
        wire.max_completion_tokens === undefined
          ? { value: wire.max_tokens, field: "max_tokens" }
          : { value: wire.max_completion_tokens, field: "max_completion_tokens" },
      reasoning,
    },
    context,
  );
  const format = chatFormat({ separateReasoning: reasoning === "separate" });
  return withPromptField(planned, answer(planned, format, scope, CHAT_ROUTE, context));
}

export async function answerCompletion(
  http: Request,
  scope: RequestScope,
  context: GenerationContext,
): Promise<Response> {
  const { config } = context;
  const wire = checkFields(
    completionRequestSchema,
    await readJson(http, config.limits.bodyBytes, scope.signal),
  );
  if (wire.splitreason?.reasoning === "separate") {
    throw invalidRequest("splitreason.reasoning: a text completion has one text; use /v1/chat/completions.", {
      param: "splitreason.reasoning",
    });
  }
  const planned = planGeneration(
    wire,
    {
      // A prompt is text, tags in it included.
      prompts: wire.prompt.map((text) => ({ prompt: [textPiece(text)] })),
      promptField: "prompt",
      maxTokens: { value: wire.max_tokens, field: "max_tokens" },
      reasoning: "none",
    },
    context,
  );
  return withPromptField(planned, answer(planned, completionFormat, scope, COMPLETION_ROUTE, context));
}

function renderPrompt(renderer: PromptRenderer, wire: ChatRequest): PairPrompt {
  // What is wrong with a template by itself is not the client's fault.
  const pair = renderer.current();
  try {
    return pair.render(chatMessages(wire));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw invalidRequest(`messages: ${error.message}`, { param: "messages", cause: error });
  }
}

/** Whatever finds the prompt too long does not know what the field is called. */
async function withPromptField(request: GenerationRequest, response: Promise<Response>): Promise<Response> {
  try {
    return await response;
  } catch (error) {
    const known = toGatewayError(error);
    if (known.code !== "prompt-too-long" || known.param !== undefined) throw error;
    throw invalidRequest(known.message, {
      code: "prompt-too-long",
      wireCode: "context_length_exceeded",
      param: request.promptField,
      cause: error,
    });
  }
}
