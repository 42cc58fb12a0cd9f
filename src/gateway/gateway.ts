/** The gateway as one Hono app: routes only, so that it can be asked without a socket. */
import { randomInt } from "node:crypto";

import { Hono, type MiddlewareHandler } from "hono";

import { type Clock, systemClock } from "../core/clock.ts";
import type { Pair } from "../decode/pair/pair.ts";
import type { AccessLog } from "./observability/access-log.ts";
import type { Admission } from "./generation/admission.ts";
import { requireApiKey } from "./http/auth.ts";
import type { GatewayConfig } from "./config/config.ts";
import { invalidRequest, toErrorResponse } from "./failures/gateway-error.ts";
import {
  answerChat,
  answerCompletion,
  CHAT_ROUTE,
  COMPLETION_ROUTE,
  type GenerationContext,
} from "./protocols/openai/routes.ts";
import type { GatewayMetrics } from "./observability/metrics.ts";
import { PromptRenderer } from "./request/prompt-renderer.ts";
import { RequestScope } from "./request/request-scope.ts";
import { findBuiltSite, staticSite } from "./http/static-site.ts";
import { findModel, listModels, playgroundFacts, readiness } from "./http/status.ts";

export interface GatewayOptions {
  /** Its engines may be guarded. The gateway does not close it. */
  readonly pair: Pair;
  readonly config: GatewayConfig;
  readonly admission: Admission;
  readonly metrics: GatewayMetrics;
  readonly log: AccessLog;
  /** What clients must send as a bearer token, as `readApiKey` gives it. Without one, everyone may ask. */
  readonly apiKey?: string | undefined;
  /** For the playground. */
  readonly examples?: readonly { readonly title: string; readonly problem: string }[];
  /** The built playground's folder. Default: where the build puts it; `null` serves none. */
  readonly site?: string | null;
  readonly clock?: Clock;
  /** Seeds for requests that bring none: whole numbers from 0 below 2^32. */
  readonly drawSeed?: () => number;
}

interface Environment {
  Variables: { readonly scope: RequestScope };
}

const GENERATION_ROUTES: ReadonlySet<string> = new Set([CHAT_ROUTE, COMPLETION_ROUTE]);

export function createGateway(options: GatewayOptions): Hono<Environment> {
  const { pair, config, apiKey, metrics, examples = [], clock = systemClock } = options;
  const created = Math.floor(Date.parse(clock.isoNow()) / 1000);
  const context: GenerationContext = {
    ...options,
    clock,
    drawSeed: options.drawSeed ?? (() => randomInt(2 ** 32)),
    renderer: new PromptRenderer(pair),
  };
  const app = new Hono<Environment>();
  app.use(observe(options, clock));
  app.onError((error, { get }) => toErrorResponse(get("scope").fail(error)));
  app.notFound(({ req, get }) => {
    const error = invalidRequest(
      `there is nothing at ${req.method} ${req.path.slice(0, 200)}; docs/api.md lists the routes.`,
      {
        status: 404,
        wireCode: "unknown_url",
      },
    );
    return toErrorResponse(get("scope").fail(error));
  });

  const site = options.site === undefined ? findBuiltSite() : options.site;
  if (site !== undefined && site !== null) app.route("/", staticSite(site));
  app.get("/healthz", ({ json }) => json({ status: "ok" }));
  app.use(requireApiKey(apiKey));

  app.post(CHAT_ROUTE, ({ req, get }) => answerChat(req.raw, get("scope"), context));
  app.post(COMPLETION_ROUTE, ({ req, get }) => answerCompletion(req.raw, get("scope"), context));
  app.get("/v1/models", ({ json }) => json(listModels(config, created)));
  // An operator's model name may have a slash in it.
  app.get("/v1/models/:name{.+}", ({ json, req }) => json(findModel(req.param("name"), config, created)));
  app.get("/readyz", ({ json }) => {
    const body = readiness(pair, config);
    return json(body, body.status === "ready" ? 200 : 503);
  });
  app.get("/metrics", async ({ body }) =>
    body(await metrics.text(), 200, { "content-type": metrics.contentType }),
  );
  app.get("/playground.json", ({ json }) =>
    json(playgroundFacts(pair, config, examples, apiKey !== undefined)),
  );
  app.on(["GET", "PUT", "PATCH", "DELETE"], [...GENERATION_ROUTES], ({ req, get }) => {
    const error = invalidRequest(`${req.path} takes POST, not ${req.method}.`, { status: 405 });
    const response = toErrorResponse(get("scope").fail(error));
    response.headers.set("allow", "POST");
    return response;
  });
  return app;
}

/** Gives every request its scope, its id to the client, and its end to metrics and log. */
function observe({ config, metrics, log }: GatewayOptions, clock: Clock): MiddlewareHandler<Environment> {
  const { requestTimeoutMs } = config.limits;
  return async (context, next) => {
    const scope = new RequestScope({
      request: context.req.raw,
      timeoutMs: requestTimeoutMs,
      clock,
      metrics,
      log,
    });
    context.set("scope", scope);
    await next();
    context.res.headers.set("x-request-id", scope.id);
    if (!scope.isStream) scope.end(routeLabel(context.req.path), context.res.status);
  };
}

/** Labels are few, whatever paths are asked for. */
function routeLabel(path: string): string {
  if (GENERATION_ROUTES.has(path)) return path;
  if (path.startsWith("/v1/models/")) return "/v1/models/:name";
  return PLAIN_ROUTES.has(path) ? path : "other";
}

const PLAIN_ROUTES: ReadonlySet<string> = new Set([
  "/",
  "/healthz",
  "/readyz",
  "/metrics",
  "/v1/models",
  "/playground.json",
]);
