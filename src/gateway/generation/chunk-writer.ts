/**
 * Joins stretches of text until they are sent. What one author writes for one choice and channel before the next piece goes out
 * becomes one event of the stream. Nothing waits for this, and it saves most of the work where tokens come fast.
 */
import type { Author } from "../../decode/index.ts";
import type { EventStream } from "./event-stream.ts";
import type { Channel } from "./reasoning-splitter.ts";
import type { StreamFormat } from "./response-format.ts";

export class ChunkWriter {
  readonly #stream: EventStream;
  readonly #format: StreamFormat;
  #choice = -1;
  #channel: Channel = "content";
  #author: Author = "small";
  #text = "";
  #tokens = 0;

  constructor(stream: EventStream, format: StreamFormat) {
    this.#stream = stream;
    this.#format = format;
    stream.onFlush = () => this.#close();
  }

  text(choice: number, channel: Channel, author: Author, text: string, tokens: number): void {
    if (choice !== this.#choice || channel !== this.#channel || author !== this.#author) {
      this.#close();
      this.#choice = choice;
      this.#channel = channel;
      this.#author = author;
    }
    this.#text += text;
    this.#tokens += tokens;
    this.#stream.wake();
  }

  /** Writes any other whole event. */
  write(event: string): void {
    this.#close();
    this.#stream.write(event);
  }

  /** See {@link EventStream.room}. */
  room(): Promise<void> | undefined {
    return this.#stream.room(this.#text.length);
  }

  #close(): void {
    if (this.#tokens === 0 && this.#text === "") return;
    const event = this.#format.text(this.#choice, this.#channel, this.#author, this.#text, this.#tokens);
    this.#text = "";
    this.#tokens = 0;
    this.#stream.write(event);
  }
}
