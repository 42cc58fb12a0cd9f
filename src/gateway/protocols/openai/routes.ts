/** OpenAI's protocol: `POST /v1/chat/completions` and `POST /v1/completions`, from the body to the answer. */
import { ConfigError } from "../../../core/errors.ts";
import { textPiece } from "../../../core/piece.ts";
import type { PairPrompt } from "../../../decode/pair/pair.ts";
import { GatewayError, invalidRequest, toGatewayError } from "../../failures/gateway-error.ts";
import { answer } from "../../generation/answer.ts";
import type { ResponseFormat } from "../../generation/response-format.ts";
import { type AskedGeneration, planGeneration } from "../../request/plan.ts";
import type { PromptRenderer } from "../../request/prompt-renderer.ts";
import { checkFields, readJson } from "../../request/read-request.ts";
import type { RequestScope } from "../../request/request-scope.ts";
import type { GenerationContext, Protocol } from "../protocol.ts";
import { chatFormat, chatMessages, type ChatRequest, chatRequestSchema } from "./chat.ts";
import { completionFormat, type CompletionRequest, completionRequestSchema } from "./completions.ts";
import { errorBody } from "./chunk-text.ts";

export const openai: Protocol = {
  routes: { "/v1/chat/completions": answerChat, "/v1/completions": answerCompletion },
  errorBody,
};

async function answerChat(http: Request, scope: RequestScope, context: GenerationContext): Promise<Response> {
  const { config, renderer } = context;
  const wire = checkFields(chatRequestSchema, await readJson(http, config.limits.bodyBytes, scope.signal));
  const reasoning = wire.splitreason?.reasoning ?? config.reasoning;
  const asked: AskedGeneration = {
    ...commonFields(wire),
    prompts: [renderPrompt(renderer, wire)],
    promptField: "messages",
    maxTokens:
      wire.max_completion_tokens === undefined
        ? { value: wire.max_tokens, field: "max_tokens" }
        : { value: wire.max_completion_tokens, field: "max_completion_tokens" },
    reasoning,
  };
  return answerAsked(asked, chatFormat({ separateReasoning: reasoning === "separate" }), scope, context);
}

async function answerCompletion(
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
  const asked: AskedGeneration = {
    ...commonFields(wire),
    // A prompt is plain text, even if there are tags in it.
    prompts: wire.prompt.map((text) => ({ prompt: [textPiece(text)] })),
    promptField: "prompt",
    maxTokens: { value: wire.max_tokens, field: "max_tokens" },
    reasoning: "none",
  };
  return answerAsked(asked, completionFormat, scope, context);
}

type CommonFields = Omit<AskedGeneration, "prompts" | "promptField" | "maxTokens" | "reasoning">;

function commonFields(wire: ChatRequest | CompletionRequest): CommonFields {
  const { model, temperature, top_p: topP, seed, stop, n, splitreason: extension } = wire;
  if (wire.stream_options !== undefined && wire.stream !== true) {
    throw invalidRequest("stream_options: it is for streams only; leave it out or set stream to true.", {
      param: "stream_options",
    });
  }
  const stream =
    wire.stream === true ? { includeUsage: wire.stream_options?.include_usage === true } : undefined;
  return { model, temperature, topP, seed, stop, n, stream, extension };
}

function renderPrompt(renderer: PromptRenderer, wire: ChatRequest): PairPrompt {
  // A broken template is not the client's fault, so its error passes.
  const pair = renderer.current();
  try {
    return pair.render(chatMessages(wire));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw invalidRequest(`messages: ${error.message}`, { param: "messages", cause: error });
  }
}

/** Answers. An error about the length of the prompt does not know the name of the field, so it gets it here. */
async function answerAsked(
  asked: AskedGeneration,
  format: ResponseFormat,
  scope: RequestScope,
  context: GenerationContext,
): Promise<Response> {
  try {
    return await answer(planGeneration(asked, context), format, scope, context);
  } catch (error) {
    const known = toGatewayError(error);
    if (known.failure !== "prompt-too-long" || known.param !== undefined) throw error;
    throw new GatewayError("prompt-too-long", known.message, { param: asked.promptField, cause: error });
  }
}
