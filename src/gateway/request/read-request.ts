/** Reads a request from bytes and checks it. Its size is bounded, and each error names the field. */
import type { z } from "zod";

import { unlessAborted } from "../../core/async.ts";
import { errorMessage } from "../../core/errors.ts";
import { BodyTooLargeError, readBody } from "../../core/http-body.ts";
import { GatewayError, invalidRequest } from "../failures/gateway-error.ts";

/**
 * Reads a body as JSON.
 * @throws GatewayError 413 when it is too large, 415 when it is not declared as JSON, 400 when it is not JSON in UTF-8.
 */
export async function readJson(request: Request, maxBytes: number, signal: AbortSignal): Promise<unknown> {
  const type = request.headers.get("content-type") ?? "";
  // A page of another site can send any other type without a preflight request, so only this type is accepted.
  if (!/^application\/(?:[\w.+-]+\+)?json\b/iu.test(type.trim())) {
    throw new GatewayError(
      "not-json",
      `the body must be sent as content-type application/json, not ${JSON.stringify(type.slice(0, 100))}.`,
    );
  }
  const bytes = await readBytes(request, maxBytes, signal);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw invalidRequest("the body is not valid UTF-8.", { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalidRequest(`the body is not valid JSON: ${firstLine(errorMessage(error))}.`, { cause: error });
  }
}

/** A field that may be missing. Clients also write `null` for what is not given. */
export const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);

/** @throws GatewayError 400 whose `param` names the first field that is wrong. */
export function checkFields<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = deepest(parsed.error.issues);
  if (issue === undefined) throw invalidRequest("the request is not valid.");
  if (issue.code === "unrecognized_keys") {
    const param = fieldName([...issue.path, issue.keys[0] ?? ""]);
    throw new GatewayError(
      "unknown-parameter",
      `${param}: this field is not known here, so it cannot be honoured; leave it out.`,
      { param, cause: parsed.error },
    );
  }
  const param = fieldName(issue.path);
  const missing = issue.code === "invalid_type" && valueAt(value, issue.path) === undefined;
  const what = missing ? "it is missing" : uncapitalised(issue.message);
  throw invalidRequest(`${param === "" ? "the body" : param}: ${what}.`, {
    param: param === "" ? undefined : param,
    cause: parsed.error,
  });
}

async function readBytes(request: Request, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  if (declared !== null) {
    if (!(Number(declared) <= maxBytes)) throw tooLarge(maxBytes);
    // Node's parser passes no more bytes than were declared.
    return new Uint8Array(await unlessAborted(request.arrayBuffer(), signal));
  }
  try {
    return await readBody(chunksOf(request, signal), maxBytes, "the client");
  } catch (error) {
    throw error instanceof BodyTooLargeError ? tooLarge(maxBytes) : error;
  }
}

async function* chunksOf(request: Request, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = request.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await unlessAborted(reader.read(), signal);
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError(
    "body-too-large",
    `the body is larger than ${maxBytes} bytes, the limit of this gateway (limits.bodyBytes).`,
  );
}

/** The most useful issue. Within a union it is that of the alternative that matched furthest. */
function deepest(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue | undefined {
  const [issue] = issues;
  if (issue?.code !== "invalid_union") return issue;
  const inner = issue.errors
    .map((alternative) => deepest(alternative))
    .filter((found) => found !== undefined)
    .toSorted(
      (one, other) =>
        other.path.length - one.path.length || Number(isTypeFault(one)) - Number(isTypeFault(other)),
    )[0];
  if (inner === undefined || (inner.path.length === 0 && isTypeFault(inner))) return issue;
  return { ...inner, path: [...issue.path, ...inner.path] };
}

const isTypeFault = (issue: z.core.$ZodIssue): boolean => issue.code === "invalid_type";

/** `messages[0].content`, as people write it. */
function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) =>
      typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`,
    )
    .join("")
    .slice(0, 200);
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, key)) return undefined;
    current = Reflect.get(current, key);
  }
  return current;
}

const firstLine = (text: string): string => (text.split("\n")[0] ?? "").slice(0, 200);
const uncapitalised = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1);
