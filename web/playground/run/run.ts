/** One generation on the page. It is started once, can be stopped, and ends as done, stopped or failed. Its signals feed the views. */
import { type Signal, signal } from "@preact/signals";

import { type RunRequest, streamRun } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import type { StreamEvent } from "../api/stream.ts";
import { boxedAnswer } from "./answer.ts";
import type { LaneId } from "./lanes.ts";
import { type Counters, NO_COUNTERS, Tally } from "./tally.ts";
import { TraceLog } from "./trace-log.ts";

export type RunStatus = "waiting" | "writing" | "done" | "stopped" | "failed";

export class Run {
  readonly lane: LaneId;
  readonly request: RunRequest;
  readonly log = new TraceLog();
  readonly status: Signal<RunStatus> = signal("waiting");
  readonly counters: Signal<Counters> = signal(NO_COUNTERS);
  readonly failure: Signal<Failure | undefined> = signal(undefined);
  /** The gateway's words when the big model could not take part. */
  readonly degraded: Signal<string | undefined> = signal(undefined);
  /** The reason for the end, e.g. `length` when the text was cut. */
  readonly finishReason: Signal<string | undefined> = signal(undefined);
  readonly answer: Signal<string | undefined> = signal(undefined);
  readonly #controller = new AbortController();
  #answerText = "";
  #frame: number | undefined;

  constructor(lane: LaneId, request: RunRequest) {
    this.lane = lane;
    this.request = request;
  }

  get active(): boolean {
    return this.status.value === "waiting" || this.status.value === "writing";
  }

  /** Aborts the request, so that the gateway stops both models. Does nothing to a run that has ended. */
  stop(): void {
    this.#controller.abort();
  }

  /** Resolves when the run has ended. `status` says how. */
  async start(key: string): Promise<void> {
    const tally = new Tally(performance.now());
    try {
      await streamRun(this.request, key, (event) => this.#take(event, tally), this.#controller.signal);
      this.#end(tally, "done");
    } catch (error) {
      if (this.#controller.signal.aborted) return this.#end(tally, "stopped");
      this.failure.value =
        error instanceof Failure ? error : new Failure("broken", `This page failed: ${String(error)}`);
      this.#end(tally, "failed");
    }
  }

  #take(event: StreamEvent, tally: Tally): void {
    switch (event.type) {
      case "text":
        this.status.value = "writing";
        tally.text(event.author, performance.now());
        if (event.part === "answer") this.#answerText += event.text;
        this.log.append({ author: event.author, part: event.part, text: event.text });
        break;
      case "tokens":
        tally.tokens(event.author, event.count);
        break;
      case "usage":
        tally.usage(event.usage);
        break;
      case "finish":
        tally.finish(event.summary);
        this.finishReason.value = event.reason;
        this.degraded.value = event.summary?.degraded ?? undefined;
        break;
      default:
        event satisfies never;
    }
    // Hundreds of tokens may arrive between two frames: the views see the last count only.
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.counters.value = tally.snapshot(performance.now());
    });
  }

  #end(tally: Tally, status: RunStatus): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
    this.counters.value = tally.snapshot(performance.now());
    this.answer.value = boxedAnswer(this.#answerText);
    this.status.value = status;
    this.log.end();
  }
}
