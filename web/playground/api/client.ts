/**
 * The two calls that the playground makes. Addresses are relative, so that the page also works behind a path prefix. Every wait
 * ends with the caller's signal, and answers are bounded in size.
 */
import { cutOff, Failure, fromStatus, unreachable, unreadable } from "./failure.ts";
import { parseJson, readEvents, type StreamEvent } from "./stream.ts";
import { errorEnvelopeSchema, type PlaygroundInfo, playgroundInfoSchema } from "./wire.ts";

const MAX_ERROR_BYTES = 64 * 1024;

interface Dial {
  /** Largest share of the big model, 0 to 1. */
  readonly budget?: number;
  /** Nats. */
  readonly bias?: number;
}

export interface RunRequest {
  readonly model: string;
  readonly problem: string;
  readonly dial: Dial;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly seed?: number;
}

/** The body of the request. "Copy as curl" shows it too. */
export function requestBody(request: RunRequest): Record<string, unknown> {
  return {
    model: request.model,
    messages: [{ role: "user", content: request.problem }],
    stream: true,
    stream_options: { include_usage: true },
    ...(request.maxTokens === undefined ? {} : { max_tokens: request.maxTokens }),
    ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
    ...(request.seed === undefined ? {} : { seed: request.seed }),
    splitreason: { authors: true, ...request.dial },
  };
}

/** @throws Failure */
export async function fetchInfo(key: string, signal: AbortSignal): Promise<PlaygroundInfo> {
  const response = await reach("playground.json", { headers: authorization(key), signal });
  if (!response.ok) throw await refusal(response);
  const parsed = playgroundInfoSchema.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success) throw unreadable("playground.json");
  return parsed.data;
}

/**
 * Runs one generation. `onEvent` is called as events arrive, in order; the promise settles at the end of the stream.
 * @throws Failure, or the signal's reason after an abort.
 */
export async function streamRun(
  request: RunRequest,
  key: string,
  onEvent: (event: StreamEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await reach("v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", ...authorization(key) },
    body: JSON.stringify(requestBody(request)),
    signal,
  });
  if (!response.ok) throw await refusal(response);
  if (response.body === null) throw cutOff();
  await readEvents(response.body, onEvent, signal);
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { ...init, credentials: "omit", cache: "no-store", redirect: "error" });
  } catch (error) {
    init.signal?.throwIfAborted();
    // fetch throws TypeError for every network failure.
    if (error instanceof TypeError) throw unreachable();
    throw error;
  }
}

async function refusal(response: Response): Promise<Failure> {
  const text = await firstBytes(response);
  const parsed = errorEnvelopeSchema.safeParse(parseJson(text));
  return fromStatus(
    response.status,
    parsed.success ? parsed.data.error : undefined,
    response.headers.get("retry-after"),
  );
}

async function firstBytes(response: Response): Promise<string> {
  if (response.body === null) return "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    while (text.length < MAX_ERROR_BYTES) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
    }
  } catch {
    // The status has to be enough.
  } finally {
    await reader.cancel().catch(() => undefined);
  }
  return text;
}

/** @throws Failure when the key cannot be in a header. fetch would only throw TypeError. */
function authorization(key: string): Record<string, string> {
  if (key === "") return {};
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new Failure("key", "An API key has plain ASCII characters only, and no spaces.");
  }
  return { authorization: `Bearer ${key}` };
}
