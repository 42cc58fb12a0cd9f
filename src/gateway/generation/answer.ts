/** Turns a {@link GenerationRequest} into a Response: admits it, starts it, and writes the answer at once or as a stream. */
import type { Clock } from "../../core/clock.ts";
import type { Piece } from "../../core/piece.ts";
import type { Usage } from "../../decode/index.ts";
import { type LinkedSignal, linkSignals, onAbort } from "../../core/async.ts";
import type { Pair } from "../../decode/pair/pair.ts";
import { thoughtOpening } from "../../tokenizer/chat-template.ts";
import type { Admission, Ticket } from "./admission.ts";
import type { GatewayConfig } from "../config/config.ts";
import type { GatewayMetrics } from "../observability/metrics.ts";
import type { GenerationRequest } from "../request/generation-request.ts";
import type { RequestScope } from "../request/request-scope.ts";
import { type ChoiceResult, runChoice, type StartedChoice } from "./choice.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { EventStream } from "./event-stream.ts";
import { checkPromptLength, type ChoiceContext, startChoice } from "./start-choice.ts";
import { type Emit, ReasoningSplitter } from "./reasoning-splitter.ts";
import type { AnswerHead, AnswerUsage, ResponseFormat, WrittenChoice } from "./response-format.ts";

export interface AnswerContext {
  readonly pair: Pair;
  readonly config: GatewayConfig;
  readonly admission: Admission;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
}

/** @throws GatewayError or an engine's error before the answer begins. Later failures are written into the stream. */
export async function answer(
  request: GenerationRequest,
  format: ResponseFormat,
  scope: RequestScope,
  context: AnswerContext,
): Promise<Response> {
  const { facts } = scope;
  const choices = request.prompts.length * request.n;
  facts.model = request.model;
  facts.policy = request.policy.name;
  facts.stream = request.stream !== undefined;
  facts.choices = choices;
  if (context.config.logPrompts) facts.prompt = request.prompts.map(promptText).join("\n\n");
  await checkPromptLength(request, context);
  const ticket = await context.admission.enter(scope.signal, choices);
  facts.queuedMs = ticket.waitedMs;
  context.metrics.observeQueueWait(ticket.waitedMs);
  const generation = new Generation(request, format, scope, context, ticket);
  return request.stream === undefined ? generation.complete() : generation.stream(request.stream);
}

/** The choices of one request. They run together, and the first failure stops them all. */
class Generation {
  readonly #request: GenerationRequest;
  readonly #format: ResponseFormat;
  readonly #scope: RequestScope;
  readonly #context: AnswerContext;
  readonly #ticket: Ticket;
  readonly #head: AnswerHead;
  readonly #link: LinkedSignal;
  readonly #results: ChoiceResult[] = [];
  #reasoningTokens = 0;

  constructor(
    request: GenerationRequest,
    format: ResponseFormat,
    scope: RequestScope,
    context: AnswerContext,
    ticket: Ticket,
  ) {
    this.#request = request;
    this.#format = format;
    this.#scope = scope;
    this.#context = context;
    this.#ticket = ticket;
    this.#link = linkSignals(scope.signal);
    this.#head = {
      id: `${format.idPrefix}${scope.id}`,
      created: Math.floor(Date.parse(context.clock.isoNow()) / 1000),
      model: request.model,
      authors: request.authors,
    };
  }

  async complete(): Promise<Response> {
    try {
      const written = await this.#all((index) => this.#write(index));
      const body = this.#format.complete(this.#head, written, this.#usage());
      return Response.json(body);
    } finally {
      this.#over();
    }
  }

  /** Answers when the first choice has read its prompt. Until then a failure has an HTTP status of its own. */
  async stream(options: { readonly includeUsage: boolean }): Promise<Response> {
    let first: StartedChoice;
    try {
      first = await this.#start(0);
    } catch (error) {
      this.#over();
      throw error;
    }
    const scope = this.#scope;
    scope.isStream = true;
    const stream = new EventStream(() => scope.leave());
    void this.#feed(stream, first, options);
    return new Response(stream.body, {
      headers: {
        "content-type": "text/event-stream",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
      },
    });
  }

  /** Writes everything into the stream. Never rejects. */
  async #feed(
    stream: EventStream,
    first: StartedChoice,
    options: { readonly includeUsage: boolean },
  ): Promise<void> {
    let status = 200;
    const format = this.#format.stream(this.#head, options);
    const chunks = new ChunkWriter(stream, format);
    const { signal } = this.#link;
    onAbort(signal, () => stream.release());
    try {
      await this.#all(async (index) => {
        const choice = index === 0 ? first : await this.#start(index);
        chunks.write(format.open(index));
        const result = await this.#run(
          choice,
          (channel, author, text, tokens) => chunks.text(index, channel, author, text, tokens),
          () => chunks.room(),
        );
        chunks.write(format.finish(result));
      });
      chunks.write(format.end(this.#usage()));
    } catch (error) {
      const known = this.#scope.fail(error);
      chunks.write(format.fail(known));
      status = known.facts.status;
    }
    stream.end();
    this.#over();
    this.#scope.end(status);
  }

  async #write(index: number): Promise<WrittenChoice> {
    const choice = await this.#start(index);
    let reasoning = "";
    let content = "";
    const result = await this.#run(choice, (channel, _author, text) => {
      if (channel === "reasoning") reasoning += text;
      else content += text;
    });
    return { result, reasoning, content };
  }

  #start(index: number): Promise<StartedChoice> {
    const request = this.#request;
    const { pair, clock, config } = this.#context;
    const prompt = request.prompts[Math.floor(index / request.n)];
    if (prompt === undefined) throw new RangeError(`choice ${index} has no prompt`);
    const context: ChoiceContext = {
      pair,
      clock,
      whenSmallIsDown: config.whenSmallIsDown,
      signal: this.#link.signal,
    };
    return startChoice(request, prompt, index, context);
  }

  async #run(
    choice: StartedChoice,
    emit: Emit,
    afterText?: () => Promise<void> | undefined,
  ): Promise<ChoiceResult> {
    const { authors, reasoning } = this.#request;
    const { facts } = this.#scope;
    const start = reasoning === "separate" ? thinkingState(choice.prompt) : "content";
    let output = "";
    const isLogged = this.#context.config.logPrompts;
    const splitter = new ReasoningSplitter(start, (channel, author, text, tokens) => {
      if (channel === "reasoning") this.#reasoningTokens += tokens;
      if (isLogged) output += text;
      emit(channel, author, text, tokens);
    });
    const result = await runChoice(choice, splitter, {
      withSegments: authors,
      ...(afterText === undefined ? {} : { afterText }),
      onFinish: (finished) => this.#note(finished),
    });
    if (isLogged) facts.output = `${facts.output ?? ""}${output}`;
    if (result.finish.reason === "aborted") throw this.#link.signal.reason;
    return result;
  }

  /** Runs all choices at the same time. The first failure stops the others, and is thrown when they have stopped. */
  async #all<T>(work: (index: number) => Promise<T>): Promise<T[]> {
    const { prompts, n } = this.#request;
    let failed: { readonly error: unknown } | undefined;
    const settled = await Promise.all(
      Array.from({ length: prompts.length * n }, async (_, index) => {
        try {
          return { value: await work(index) };
        } catch (error) {
          failed ??= { error };
          this.#link.abort(error);
          return undefined;
        }
      }),
    );
    if (failed !== undefined) throw failed.error;
    return settled.filter((entry) => entry !== undefined).map(({ value }) => value);
  }

  #note(result: ChoiceResult): void {
    this.#results.push(result);
    const { finish, degraded, policy } = result;
    const { usage, timing } = finish;
    this.#context.metrics.observeGeneration({
      policy,
      finish: finish.reason,
      usage,
      ...(timing.firstTokenMs === undefined ? {} : { firstTokenMs: timing.firstTokenMs }),
      handoffsMs: timing.handoffsMs,
      degraded: degraded !== undefined,
    });
    const { facts } = this.#scope;
    facts.finish ??= finish.reason;
    facts.degraded ??= degraded;
    facts.firstTokenMs ??= timing.firstTokenMs;
    const { reasoningTokens: _, ...tokens } = this.#usage();
    Object.assign(facts, tokens);
  }

  #usage(): AnswerUsage {
    const { n, reasoning } = this.#request;
    const sum = (value: (usage: Usage) => number): number =>
      this.#results.reduce((total, { finish }) => total + value(finish.usage), 0);
    const firsts = this.#results.filter(({ index }) => index % n === 0);
    return {
      promptTokens: firsts.reduce((total, { finish }) => total + finish.usage.promptTokens, 0),
      smallTokens: sum(({ smallTokens }) => smallTokens),
      bigTokens: sum(({ bigTokens }) => bigTokens),
      discardedTokens: sum(({ discardedTokens }) => discardedTokens),
      switches: sum(({ switches }) => switches),
      reasoningTokens: reasoning === "separate" ? this.#reasoningTokens : undefined,
    };
  }

  #over(): void {
    this.#link.release();
    this.#ticket.release();
  }
}

/** Whether the template opened the assistant's thought (`reasoning`) or left that to the model (`opening`). */
function thinkingState(prompt: readonly Piece[]): "opening" | "reasoning" {
  return thoughtOpening(prompt) === "" ? "opening" : "reasoning";
}

const promptText = ({ prompt }: GenerationRequest["prompts"][number]): string =>
  prompt.map(({ text }) => text).join("");
