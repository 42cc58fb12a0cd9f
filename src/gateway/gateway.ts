/** The gateway as one Hono app. It has routes and no socket, so tests can call it directly. */
import { randomInt } from "node:crypto";

import { type Context, Hono, type MiddlewareHandler } from "hono";

import { type Clock, systemClock } from "../core/clock.ts";
import type { Pair } from "../decode/pair/pair.ts";
import type { AccessLog } from "./observability/access-log.ts";
import type { Admission } from "./generation/admission.ts";
import { requireApiKey } from "./http/auth.ts";
import type { GatewayConfig } from "./config/config.ts";
import { GatewayError, errorResponse } from "./failures/gateway-error.ts";
import { openai } from "./protocols/openai/routes.ts";
import type { GenerationContext, Protocol } from "./protocols/protocol.ts";
import type { GatewayMetrics } from "./observability/metrics.ts";
import { PromptRenderer } from "./request/prompt-renderer.ts";
import { RequestScope } from "./request/request-scope.ts";
import { findBuiltSite, staticSite } from "./http/static-site.ts";
import { findModel, listModels, playgroundFacts, readiness } from "./http/status.ts";

export interface GatewayOptions {
  /** The pair that answers. The gateway does not close it. */
  readonly pair: Pair;
  readonly config: GatewayConfig;
  readonly admission: Admission;
  readonly metrics: GatewayMetrics;
  readonly log: AccessLog;
  /** The bearer token that clients must send (see `readApiKey`). Without one, every request is accepted. */
  readonly apiKey?: string | undefined;
  /** Example problems of the playground. */
  readonly examples?: readonly { readonly title: string; readonly problem: string }[];
  /** The built playground's folder. Default: where the build puts it; `null` serves none. */
  readonly site?: string | null;
  readonly clock?: Clock;
  /** Draws a seed for a request that brings none: a whole number from 0 to 2^32 - 1. */
  readonly drawSeed?: () => number;
}

interface Environment {
  Variables: { readonly scope: RequestScope };
}

/** The protocols of this gateway. The first one also writes the errors of routes that belong to none. */
const PROTOCOLS: readonly [Protocol, ...Protocol[]] = [openai];

export function createGateway(options: GatewayOptions): Hono<Environment> {
  const { pair, config, apiKey, metrics, examples = [], clock = systemClock } = options;
  const created = Math.floor(Date.parse(clock.isoNow()) / 1000);
  const generation: GenerationContext = {
    ...options,
    clock,
    drawSeed: options.drawSeed ?? (() => randomInt(2 ** 32)),
    renderer: new PromptRenderer(pair),
  };
  const app = new Hono<Environment>();
  app.use(observe(options, clock));
  const refuse = ({ req, get }: Context<Environment>, error: unknown): Response =>
    errorResponse(get("scope").fail(error), protocolOf(req.path).errorBody);
  app.onError((error, context) => refuse(context, error));
  app.notFound((context) => {
    const { method, path } = context.req;
    const message = `there is nothing at ${method} ${path.slice(0, 200)}; docs/api.md lists the routes.`;
    return refuse(context, new GatewayError("unknown-url", message));
  });

  const site = options.site === undefined ? findBuiltSite() : options.site;
  if (site !== undefined && site !== null) app.route("/", staticSite(site));
  app.get("/healthz", ({ json }) => json({ status: "ok" }));
  app.use(requireApiKey(apiKey));

  for (const [path, answer] of PROTOCOLS.flatMap(({ routes }) => Object.entries(routes))) {
    app.post(path, ({ req, get }) => answer(req.raw, get("scope"), generation));
    app.on(["GET", "PUT", "PATCH", "DELETE"], path, (context) => {
      const message = `${path} takes POST, not ${context.req.method}.`;
      const response = refuse(context, new GatewayError("wrong-method", message));
      response.headers.set("allow", "POST");
      return response;
    });
  }
  app.get("/v1/models", ({ json }) => json(listModels(config, created)));
  // The name of a preset may have a slash in it.
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
  return app;
}

/** Makes the scope of each request, sends its id to the client, and reports its end to metrics and log. */
function observe({ config, metrics, log }: GatewayOptions, clock: Clock): MiddlewareHandler<Environment> {
  const { requestTimeoutMs } = config.limits;
  return async (context, next) => {
    const scope = new RequestScope({
      request: context.req.raw,
      route: routeLabel(context.req.path),
      timeoutMs: requestTimeoutMs,
      clock,
      metrics,
      log,
    });
    context.set("scope", scope);
    await next();
    context.res.headers.set("x-request-id", scope.id);
    if (!scope.isStream) scope.end(context.res.status);
  };
}

const protocolOf = (path: string): Protocol =>
  PROTOCOLS.find(({ routes }) => Object.hasOwn(routes, path)) ?? PROTOCOLS[0];

/** The label of a path in metrics and log. There are few labels, whatever paths clients ask for. */
function routeLabel(path: string): string {
  if (PROTOCOLS.some(({ routes }) => Object.hasOwn(routes, path))) return path;
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
