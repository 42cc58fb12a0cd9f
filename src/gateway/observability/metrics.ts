/** The metrics for Prometheus. Each gateway has a registry of its own. docs/serving.md lists the metrics. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

import type { Author, Usage } from "../../decode/index.ts";
import type { EngineHealth } from "../guard/guarded-engine.ts";

/** A request that is over. */
export interface RequestMeasurement {
  /** The route's pattern, never the path of the request: there must be few labels. */
  readonly route: string;
  /** HTTP status; 499 when the client left before the answer was complete. */
  readonly status: number;
  readonly durationMs: number;
}

/** A generation that is over. A request with `n` choices has n of them. */
export interface GenerationMeasurement {
  readonly policy: string;
  /** The reason for the end, e.g. `stop`. */
  readonly finish: string;
  readonly usage: Pick<Usage, "promptTokens" | "smallTokens" | "bigTokens" | "discardedTokens" | "switches">;
  readonly firstTokenMs?: number | undefined;
  readonly handoffsMs: readonly number[];
  readonly degraded: boolean;
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const HEALTHS: readonly EngineHealth[] = ["up", "recovering", "down"];

export class GatewayMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<"route" | "status">;
  readonly #duration: Histogram<"route">;
  readonly #generations: Counter<"policy" | "finish">;
  readonly #promptTokens: Counter;
  readonly #tokens: Counter<"author">;
  readonly #discarded: Counter;
  readonly #switches: Counter;
  readonly #degraded: Counter;
  readonly #firstToken: Histogram;
  readonly #handoff: Histogram;
  readonly #queueWait: Histogram;
  readonly #health: Gauge<"engine" | "state">;

  /** @param options.process Also report memory, CPU and event loop of this process. */
  constructor(options: { readonly process?: boolean } = {}) {
    const registers = [this.#registry];
    if (options.process === true) collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Counter({
      name: "splitreason_requests_total",
      help: "Requests that are over, by route and HTTP status (499: the client left).",
      labelNames: ["route", "status"],
      registers,
    });
    this.#duration = new Histogram({
      name: "splitreason_request_seconds",
      help: "From the arrival of a request to its last byte.",
      labelNames: ["route"],
      buckets: SECONDS,
      registers,
    });
    this.#generations = new Counter({
      name: "splitreason_generations_total",
      help: "Generations that are over, by policy and reason.",
      labelNames: ["policy", "finish"],
      registers,
    });
    this.#promptTokens = new Counter({
      name: "splitreason_prompt_tokens_total",
      help: "Tokens of prompts, as the small model counts them.",
      registers,
    });
    this.#tokens = new Counter({
      name: "splitreason_tokens_total",
      help: "Tokens of outputs, by the model that wrote them.",
      labelNames: ["author"],
      registers,
    });
    this.#discarded = new Counter({
      name: "splitreason_discarded_tokens_total",
      help: "Tokens that were produced and discarded.",
      registers,
    });
    this.#switches = new Counter({
      name: "splitreason_switches_total",
      help: "Hand-offs to the big model.",
      registers,
    });
    this.#degraded = new Counter({
      name: "splitreason_degraded_total",
      help: "Generations in which the big model could not begin or continue.",
      registers,
    });
    this.#firstToken = new Histogram({
      name: "splitreason_first_token_seconds",
      help: "From the start of a generation (after the queue) to its first token.",
      buckets: SECONDS,
      registers,
    });
    this.#handoff = new Histogram({
      name: "splitreason_handoff_seconds",
      help: "From the decision to hand over to the big model's first token.",
      buckets: SECONDS,
      registers,
    });
    this.#queueWait = new Histogram({
      name: "splitreason_queue_seconds",
      help: "Time that admitted requests had waited for a place.",
      buckets: SECONDS,
      registers,
    });
    this.#health = new Gauge({
      name: "splitreason_engine_state",
      help: "1 for the state that an engine is in, 0 for the others.",
      labelNames: ["engine", "state"],
      registers,
    });
    for (const author of ["small", "big"] as const) this.#tokens.inc({ author }, 0);
  }

  /** Reports how many requests run and wait, read whenever metrics are collected. */
  watchAdmission(admission: { readonly running: number; readonly waiting: number }): void {
    const registers = [this.#registry];
    const gauge = (name: string, help: string, value: () => number): void => {
      const created: Gauge = new Gauge({ name, help, registers, collect: () => created.set(value()) });
    };
    gauge("splitreason_requests_running", "Requests that run now.", () => admission.running);
    gauge("splitreason_requests_waiting", "Requests that wait for a place now.", () => admission.waiting);
  }

  observeRequest({ route, status, durationMs }: RequestMeasurement): void {
    this.#requests.inc({ route, status: String(status) });
    this.#duration.observe({ route }, durationMs / 1_000);
  }

  observeQueueWait(waitedMs: number): void {
    this.#queueWait.observe(waitedMs / 1_000);
  }

  observeGeneration(generation: GenerationMeasurement): void {
    const { policy, finish, usage, firstTokenMs, handoffsMs, degraded } = generation;
    this.#generations.inc({ policy, finish });
    this.#promptTokens.inc(usage.promptTokens);

    this.#tokens.inc({ author: "small" }, usage.smallTokens);
    this.#tokens.inc({ author: "big" }, usage.bigTokens);
    this.#discarded.inc(usage.discardedTokens);
    this.#switches.inc(usage.switches);
    if (degraded) this.#degraded.inc();
    if (firstTokenMs !== undefined) this.#firstToken.observe(firstTokenMs / 1_000);
    for (const handoffMs of handoffsMs) this.#handoff.observe(handoffMs / 1_000);
  }

  setEngineHealth(engine: Author, health: EngineHealth): void {
    for (const state of HEALTHS) this.#health.set({ engine, state }, state === health ? 1 : 0);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
