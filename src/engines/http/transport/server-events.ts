/**
 * Parses a streamed body into its JSON documents, however the body is cut: server-sent events, or one document a line. Sizes are
 * bounded: a server that never ends a line does not fill the memory.
 */
import { createParser } from "eventsource-parser";

import { EngineError, errorMessage, WireError } from "../../../core/errors.ts";
import { messageInDocument } from "../../../core/http-body.ts";
import { isObject } from "./json-fields.ts";

export type StreamFormat = "server-sent-events" | "json-lines";

/** Longest event, in UTF-16 code units. */
const MAX_EVENT_LENGTH = 4 * 1024 * 1024;

export interface DocumentParser {
  /** The documents that are complete now, in order. @throws WireError, or EngineError for an error that the server reports. */
  push(bytes: Uint8Array): readonly unknown[];
  /** The documents that are left when the body has ended. */
  end(): readonly unknown[];
  /** Whether the server announced the end (`data: [DONE]`). */
  readonly isDone: boolean;
}

/** Makes a parser. @param name The server's name in messages. */
export function documentParser(format: StreamFormat, name: string): DocumentParser {
  return format === "server-sent-events" ? new EventParser(name) : new LineParser(name);
}

class EventParser implements DocumentParser {
  isDone = false;
  readonly #name: string;
  readonly #decoder = new TextDecoder();
  readonly #parser;
  #documents: unknown[] = [];
  #failure: Error | undefined;

  constructor(name: string) {
    this.#name = name;
    this.#parser = createParser({
      maxBufferSize: MAX_EVENT_LENGTH,
      onEvent: ({ data }) => this.#take(data),
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") this.#failure ??= tooLong(this.#name);
        // llama.cpp reports an error in a field of its own name.
        else if (error.type === "unknown-field" && error.field === "error") {
          this.#take(`{"error":${error.value ?? "null"}}`);
        }
      },
    });
  }

  push(bytes: Uint8Array): readonly unknown[] {
    return this.#feed(this.#decoder.decode(bytes, { stream: true }));
  }

  end(): readonly unknown[] {
    return this.#feed(`${this.#decoder.decode()}\n\n`);
  }

  /** Adds a document. Documents before a failure are given out before the failure is thrown. */
  #take(data: string): void {
    if (data === "[DONE]") this.isDone = true;
    if (this.isDone || data === "" || this.#failure !== undefined) return;
    try {
      this.#documents.push(parseDocument(data, this.#name));
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
  }

  #feed(text: string): readonly unknown[] {
    if (this.#failure !== undefined) throw this.#failure;
    this.#documents = [];
    this.#parser.feed(text);
    if (this.#failure !== undefined && this.#documents.length === 0) throw this.#failure;
    return this.#documents;
  }
}

class LineParser implements DocumentParser {
  readonly isDone = false;
  readonly #name: string;
  readonly #decoder = new TextDecoder();
  #rest = "";

  constructor(name: string) {
    this.#name = name;
  }

  push(bytes: Uint8Array): readonly unknown[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > MAX_EVENT_LENGTH) throw tooLong(this.#name);
    return this.#parse(lines);
  }

  end(): readonly unknown[] {
    const last = this.#rest + this.#decoder.decode();
    this.#rest = "";
    return this.#parse([last]);
  }

  #parse(lines: readonly string[]): unknown[] {
    return lines.filter((line) => line.trim() !== "").map((line) => parseDocument(line, this.#name));
  }
}

/** Parses one document. Throws if it reports an error: `{"error": {...}}` or `{"error": "..."}`. */
function parseDocument(text: string, name: string): unknown {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new WireError(
      `${name}: it sent something that is not JSON: ${JSON.stringify(text.slice(0, 80))} (${errorMessage(error)}).`,
      {
        code: "wire-invalid",
        cause: error,
      },
    );
  }
  if (isObject(document) && document["error"] !== undefined && document["error"] !== null)
    throw reportedError(document, name);
  return document;
}

function reportedError(document: unknown, name: string): EngineError {
  const message = messageInDocument(document) ?? "no reason given";
  return new EngineError(`${name}: it stopped with an error: ${message.slice(0, 500)}`, {
    code: "engine-failed",
    retryable: true,
  });
}

function tooLong(name: string): WireError {
  return new WireError(`${name}: it sent a line or event longer than ${MAX_EVENT_LENGTH} characters.`, {
    code: "wire-invalid",
  });
}
