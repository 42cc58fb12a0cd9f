/**
 * The contract of a protocol: its routes, and the shape of its errors. Each protocol is a folder here, and `gateway.ts` names it once.
 * A route turns a body into a planned request (`request/plan.ts`) and calls `generation/answer.ts` with the format of its answer.
 */
import type { GatewayError } from "../failures/gateway-error.ts";
import type { AnswerContext } from "../generation/answer.ts";
import type { PromptRenderer } from "../request/prompt-renderer.ts";
import type { RequestScope } from "../request/request-scope.ts";

export interface GenerationContext extends AnswerContext {
  /** Draws a seed for a request that brings none. */
  readonly drawSeed: () => number;
  readonly renderer: PromptRenderer;
}

type AnswerRoute = (http: Request, scope: RequestScope, context: GenerationContext) => Promise<Response>;

export interface Protocol {
  /** The routes by path. Each takes POST. */
  readonly routes: Readonly<Record<string, AnswerRoute>>;
  readonly errorBody: (error: GatewayError) => object;
}
