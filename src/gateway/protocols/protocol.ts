/**
 * What a protocol brings to the gateway: the routes that generate, and the shape of its errors. One folder each, named once in
 * `gateway.ts`. A route reads a body into a request (`request/`), and gives `generation/answer.ts` the format of the answer.
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
  /** By path; each takes POST. */
  readonly routes: Readonly<Record<string, AnswerRoute>>;
  readonly errorBody: (error: GatewayError) => object;
}
