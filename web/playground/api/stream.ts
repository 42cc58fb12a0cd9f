/** Reads the events of one streamed completion: server-sent events, each a JSON document, then `[DONE]`. */
import { createParser, type EventSourceParser } from "eventsource-parser";

import { cutOff, type Failure, failedMidway, tooLong, unreadable } from "./failure.ts";
import { type Author, chunkSchema, errorEnvelopeSchema, type Summary, type Usage } from "./wire.ts";

/** Longest event. A longer one is not a token. */
const MAX_EVENT_CHARACTERS = 1_000_000;
/** Longest text of one run: some 500,000 tokens. */
const MAX_RUN_CHARACTERS = 2_000_000;

export type StreamEvent =
  | {
      readonly type: "text";
      readonly author: Author;
      readonly part: "reasoning" | "answer";
      readonly text: string;
    }
  | { readonly type: "tokens"; readonly author: Author; readonly count: number }
  | { readonly type: "usage"; readonly usage: Usage }
  | { readonly type: "finish"; readonly reason: string; readonly summary: Summary | undefined };

/**
 * Resolves at `[DONE]`. Calls `onEvent` as events arrive, in order.
 * @throws Failure when the stream ends early, reports a failure, or is not what docs/api.md describes. After an abort: the signal's
 * reason.
 */
export async function readEvents(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  onEvent: (event: StreamEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const events = new EventReader(onEvent);
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    while (!events.ended) {
      const { done, value } = await reader.read();
      if (done) break;
      events.feed(value);
    }
  } catch {
    signal.throwIfAborted();
    throw cutOff();
  } finally {
    // Also tells the server to stop when this page stops reading. A broken stream cannot be told anything.
    await reader.cancel().catch(() => undefined);
  }
  if (events.failure !== undefined) throw events.failure;
  if (!events.ended) throw cutOff();
}

/** Parses JSON. Undefined for text that is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

class EventReader {
  readonly #parser: EventSourceParser;
  readonly #onEvent: (event: StreamEvent) => void;
  #characters = 0;
  #done = false;
  #failure: Failure | undefined;

  constructor(onEvent: (event: StreamEvent) => void) {
    this.#onEvent = onEvent;
    this.#parser = createParser({
      maxBufferSize: MAX_EVENT_CHARACTERS,
      onEvent: ({ data }) => this.#take(data),
      onError: ({ type }) => {
        if (type === "max-buffer-size-exceeded") this.#failure ??= unreadable("an event without an end");
      },
    });
  }

  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** Whether the stream is over: it is complete, or it failed. */
  get ended(): boolean {
    return this.#done || this.#failure !== undefined;
  }

  feed(text: string): void {
    this.#parser.feed(text);
  }

  #take(data: string): void {
    if (this.ended) return;
    if (data === "[DONE]") this.#done = true;
    else this.#takeChunk(parseJson(data));
  }

  #takeChunk(json: unknown): void {
    const failed = errorEnvelopeSchema.safeParse(json);
    if (failed.success) {
      this.#failure = failedMidway(failed.data.error);
      return;
    }
    const parsed = chunkSchema.safeParse(json);
    if (!parsed.success) {
      this.#failure = unreadable("an event of the stream");
      return;
    }
    const { choices, usage, splitreason } = parsed.data;
    const { delta, finish_reason: reason } = choices[0] ?? {};
    const author = splitreason?.author ?? "small";
    this.#text(author, "reasoning", delta?.reasoning_content ?? "");
    this.#text(author, "answer", delta?.content ?? "");
    if (splitreason?.tokens !== undefined)
      this.#onEvent({ type: "tokens", author, count: splitreason.tokens });
    if (usage) this.#onEvent({ type: "usage", usage });
    if (reason) this.#onEvent({ type: "finish", reason, summary: splitreason ?? undefined });
  }

  #text(author: Author, part: "reasoning" | "answer", text: string): void {
    if (text === "" || this.ended) return;
    this.#characters += text.length;
    if (this.#characters > MAX_RUN_CHARACTERS) this.#failure = tooLong();
    else this.#onEvent({ type: "text", author, part, text });
  }
}
