/** The cache of one sequence on a server: a list of ids on this side, a prefix cache on the other. */
import type { TokenId } from "../../core/ids.ts";
import { tokenId } from "../../core/ids.ts";
import type { Drawer, DrawRequest, ScoreRequest, TokenBackend, TokenScore } from "../token-backend.ts";
import { Utf8Stream } from "../utf8-stream.ts";
import type { Dialect, ProbeAnswer, ProbeRequest } from "./servers/dialect.ts";
import { HttpDrawer } from "./http-drawer.ts";
import { linkSignals } from "../../core/async.ts";
import { ContextOverflowError, HttpEngineError } from "./transport/http-errors.ts";
import {
  type StopToken,
  type HttpTokenizer,
  SOME_OTHER_TOKEN,
  stopTokenOf,
} from "./tokens/http-tokenizer.ts";
import type { Route } from "./transport/pool.ts";
import { batches, probePlaces } from "./probes.ts";
import { WarmUps } from "./warm-up.ts";

export interface HttpModel {
  readonly dialect: Dialect;
  readonly probe: "boundaries" | "every";
  readonly probeTokens: number;
  /** Whether a request may hold several prompts. Cleared when the server refuses that. */
  batched: boolean;
  /** Number of our streams in each slot of a server, by {@link HttpBackend.slotKey}. */
  readonly busySlots: Map<string, number>;
}

/** Fewest new tokens that are worth a request of their own. Fewer are read by the request that needs them. */
const MIN_WARM_UP_TOKENS = 24;
/** Largest size of the prompts in one request, in ids or code units. */
const MAX_PROBE_SIZE = 1_000_000;
/** Probe requests at a time, if each holds one prompt. */
const CONCURRENT_PROBES = 4;

export class HttpBackend implements TokenBackend {
  readonly closing = new AbortController();
  readonly model: HttpModel;
  readonly tokenizer: HttpTokenizer;
  readonly route: Route;
  readonly warmUps: WarmUps;
  calls = 0;
  sent = 0;
  /** The slot at the server that holds the cache, if the server numbers its slots. */
  slot: number | undefined;
  #ids: TokenId[];

  constructor(model: HttpModel, tokenizer: HttpTokenizer, route: Route, ids: readonly TokenId[] = []) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.route = route;
    this.#ids = [...ids];
    this.warmUps = new WarmUps({
      minTokens: MIN_WARM_UP_TOKENS,
      send: async (context, signal) => {
        this.noteRequest(context.length);
        this.noteSlot(await route.json(model.dialect.warmUp(tokenizer.promptOf(context)), signal));
      },
    });
  }

  get length(): number {
    return this.#ids.length;
  }

  async read(ids: readonly TokenId[]): Promise<void> {
    for (const id of ids) this.#ids.push(id);
    this.warmUps.want(this.#ids);
  }

  drawer(request: DrawRequest, signal?: AbortSignal): Drawer {
    return new HttpDrawer(this, request, signal);
  }

  /** Counts all of `ids` as read. */
  reach(ids: readonly TokenId[]): void {
    for (let index = this.#ids.length; index < ids.length; index++)
      this.#ids.push(ids[index] ?? SOME_OTHER_TOKEN);
  }

  async score(
    ids: readonly TokenId[],
    from: number,
    request: ScoreRequest,
    signal?: AbortSignal,
  ): Promise<readonly (TokenScore | undefined)[]> {
    const link = linkSignals(this.closing.signal, signal);
    try {
      const { scoring } = this.model.dialect;
      const isById = this.tokenizer.promptOf([]).kind === "ids";
      if (request.watch.length === 0 && !request.tokenLogprobs) {
        await this.read(ids.slice(this.length));
        return ids.slice(from).map((_, index) => (from + index === ids.length - 1 ? UNASKED : undefined));
      }
      await this.warmUps.settle();
      const scores =
        scoring !== undefined && isById
          ? await this.#scoreAll(ids, from, request, link.signal)
          : await this.#scoreByProbes(ids, from, request, link.signal);
      this.reach(ids);
      this.warmUps.note(ids.length);
      return scores;
    } finally {
      link.release();
    }
  }

  async truncate(length: number): Promise<void> {
    if (length >= this.#ids.length) return;
    this.#ids.length = length;
    this.warmUps.cut(length);
  }

  /** Copies the sequence to the same server, whose cache holds the context. */
  async fork(): Promise<HttpBackend> {
    return new HttpBackend(this.model, this.tokenizer, this.route.sibling(), this.#ids);
  }

  async close(): Promise<void> {
    await this.warmUps.close();
    this.route.release();
  }

  /** Counts a request and the tokens of its prompts, whether it succeeds or fails. */
  noteRequest(promptTokens: number): void {
    this.calls++;
    this.sent += promptTokens;
  }

  noteSlot(document: unknown): void {
    this.slot = this.model.dialect.slotIn?.(document) ?? this.slot;
  }

  async #scoreAll(
    ids: readonly TokenId[],
    from: number,
    { watch, tokenLogprobs }: ScoreRequest,
    signal: AbortSignal,
  ): Promise<readonly TokenScore[]> {
    const { scoring } = this.model.dialect;
    if (scoring === undefined) return [];
    this.noteRequest(ids.length);
    const request = { ids, from, watch, tokenLogprobs };
    const scores = scoring.read(await this.route.json(scoring.request(request), signal), request);
    return scores.map(({ likeliest, ...score }) => ({
      ...score,
      argmax: likeliest === undefined ? SOME_OTHER_TOKEN : tokenId(likeliest),
    }));
  }

  async #scoreByProbes(
    ids: readonly TokenId[],
    from: number,
    { watch }: ScoreRequest,
    signal: AbortSignal,
  ): Promise<readonly (TokenScore | undefined)[]> {
    const { probe, probeTokens } = this.model;
    const utf8 = new Utf8Stream();
    const texts = ids.slice(from).map((id) => utf8.push(this.tokenizer.bytes(id)));
    const places = probePlaces(texts, probe, probeTokens).map((index) => from + index);
    const scores: (TokenScore | undefined)[] = texts.map(() => undefined);
    const answers = await Promise.all(
      watch.map((marker) => this.#probe(ids, places, stopTokenOf(this.tokenizer, marker), signal)),
    );
    for (const [order, place] of places.entries()) {
      const first = answers[0]?.[order]?.likeliest;
      scores[place - from] = {
        argmax: (first === undefined ? undefined : this.tokenizer.controlOf(first)) ?? SOME_OTHER_TOKEN,
        watchLogprobs: answers.map((list) => list[order]?.watchLogprob ?? -Infinity),
      };
    }
    return scores;
  }

  /** Asks at each place whether the marker comes next. Returns one answer for each place. */
  async #probe(
    ids: readonly TokenId[],
    places: readonly number[],
    watch: StopToken,
    signal: AbortSignal,
  ): Promise<readonly ProbeAnswer[]> {
    const { dialect } = this.model;
    const answers: ProbeAnswer[] = [];
    let rest = places;
    while (rest.length > 0) {
      const maxPrompts = this.model.batched ? dialect.maxProbes : 1;
      const groups = batches(rest, maxPrompts, MAX_PROBE_SIZE, (place) => place + 1);
      const together = groups.slice(0, maxPrompts === 1 ? CONCURRENT_PROBES : 1);
      for (const group of together) this.noteRequest(group.reduce((sum, place) => sum + place + 1, 0));
      const requests = together.map((group): ProbeRequest => ({
        prompts: group.map((place) => this.tokenizer.promptOf(ids.slice(0, place + 1))),
        watch,
        slot: this.#freeSlot(),
      }));
      try {
        const found = await Promise.all(requests.map((request) => this.#ask(request, signal)));
        answers.push(...found.flat());
        rest = rest.slice(together.reduce((sum, group) => sum + group.length, 0));
      } catch (error) {
        if (!this.model.batched || !isRefusal(error) || (requests[0]?.prompts.length ?? 0) < 2) throw error;
        this.model.batched = false;
      }
    }
    return answers;
  }

  /** The slot that holds the cache, unless another sequence generates in it: waiting would take longer than reading again. */
  #freeSlot(): number | undefined {
    return this.slot !== undefined && (this.model.busySlots.get(this.slotKey(this.slot)) ?? 0) === 0
      ? this.slot
      : undefined;
  }

  slotKey(slot: number): string {
    return `${this.route.url} ${slot}`;
  }

  /** Counts our streams in a slot of a server. */
  countSlot(key: string, change: 1 | -1): void {
    const { busySlots } = this.model;
    const count = (busySlots.get(key) ?? 0) + change;
    if (count > 0) busySlots.set(key, count);
    else busySlots.delete(key);
  }

  async #ask(request: ProbeRequest, signal: AbortSignal): Promise<readonly ProbeAnswer[]> {
    const answers = this.model.dialect.readProbe(
      await this.route.json(this.model.dialect.probe(request), signal),
      request,
    );
    if (answers.length === request.prompts.length) return answers;
    throw new HttpEngineError(
      `${this.route.url}: it answered ${answers.length} of ${request.prompts.length} probes; is the dialect right?`,
      { code: "engine-failed", retryable: false },
    );
  }
}

const UNASKED: TokenScore = { argmax: SOME_OTHER_TOKEN, watchLogprobs: [] };

/** Whether the server did not understand the request. */
const isRefusal = (error: unknown): boolean =>
  error instanceof HttpEngineError &&
  !(error instanceof ContextOverflowError) &&
  (error.status === 400 || error.status === 422);
