/** The optional API key: `Authorization: Bearer KEY`, as OpenAI's clients send it. */
import { createHash, timingSafeEqual } from "node:crypto";

import type { MiddlewareHandler } from "hono";

import { GatewayError } from "../failures/gateway-error.ts";

/** Paths that need no key. Whether the process is alive is not a secret, and a supervisor has no key. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/healthz"]);

/**
 * Makes the middleware that checks the key. Without a configured key everything passes. Mount it after the playground's static
 * files, which hold nothing secret. The middleware throws a GatewayError 401 where the key is missing or wrong.
 */
export function requireApiKey(key: string | undefined): MiddlewareHandler {
  if (key === undefined) return (_, next) => next();
  const isRight = keyComparison(key);
  return async (context, next) => {
    if (OPEN_PATHS.has(context.req.path)) return next();
    const header = context.req.header("authorization");
    const given = /^Bearer +(\S+) *$/iu.exec(header ?? "")?.[1];
    if (given !== undefined && isRight(given)) return next();
    const fault = header === undefined ? "the request has no API key" : "the API key is wrong";
    throw new GatewayError("wrong-key", `${fault}: send the gateway's key as "Authorization: Bearer KEY".`);
  };
}

/** Compares digests of equal length, so that the time taken reveals nothing about the key, not even its length. */
export function keyComparison(key: string): (given: string) => boolean {
  const expected = digest(key);
  return (given) => timingSafeEqual(digest(given), expected);
}

const digest = (text: string): Buffer => createHash("sha256").update(text, "utf8").digest();
