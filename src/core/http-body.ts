/** Reads what an HTTP peer sends: a body up to a size limit, the message in an error body, and the `Retry-After` header. */
import { z } from "zod";

import { WireError } from "./errors.ts";

/** A body is larger than the reader accepts. */
export class BodyTooLargeError extends WireError {}

/**
 * Reads a whole body, at most `maxBytes` of it.
 * @param peer The name of the sender in the error message.
 * @throws BodyTooLargeError
 */
export async function readBody(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  peer: string,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > maxBytes)
      throw new BodyTooLargeError(`${peer}: it sent more than ${maxBytes} bytes.`, { code: "wire-invalid" });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** Longest error body that is read. */
const MAX_ERROR_BYTES = 64 * 1024;

/** Reads the body of an answer that reports an error. Returns "" if the body cannot be read: the status is then all there is. */
export async function readErrorBody(body: AsyncIterable<Uint8Array>): Promise<string> {
  const bytes = await readBody(body, MAX_ERROR_BYTES, "").catch(() => undefined);
  return bytes?.toString("utf8") ?? "";
}

/** The shapes of OpenAI, Ollama and FastAPI. */
const errorSchema = z.union([
  z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message),
  z.object({ error: z.string() }).transform(({ error }) => error),
  z.object({ message: z.string() }).transform(({ message }) => message),
  z.object({ detail: z.string() }).transform(({ detail }) => detail),
  z.object({ detail: z.json() }).transform(({ detail }) => JSON.stringify(detail)),
]);

/** The message in the JSON document of an error, or undefined for a document of another shape. */
export function messageInDocument(document: unknown): string | undefined {
  const parsed = errorSchema.safeParse(document);
  return parsed.success ? parsed.data : undefined;
}

/** The message in an error body, on one line. A body of another shape is its own message. */
export function messageInBody(body: string): string {
  let message: string | undefined;
  try {
    message = messageInDocument(JSON.parse(body));
  } catch {
    // Plain text.
  }
  return (message ?? body).replaceAll(/\s+/gu, " ").trim();
}

const MAX_RETRY_AFTER_MS = 15 * 60_000;

/** Milliseconds to wait, from seconds or a date (RFC 9110), at most 15 minutes. Undefined for anything else. */
export function retryAfterMs(
  header: string | readonly string[] | undefined,
  nowMs: number,
): number | undefined {
  const value = typeof header === "string" ? header : header?.[0];
  if (value === undefined) return undefined;
  const seconds = Number(value);
  const waitMs = value.trim() !== "" && Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(0, waitMs), MAX_RETRY_AFTER_MS);
}
