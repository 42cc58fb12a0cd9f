/**
 * The Engine contract in executable form: one suite that every engine passes. What an engine cannot do is skipped for a reason that
 * follows from its `capabilities`.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { EngineError } from "../../src/core/errors.ts";
import type { TokenId } from "../../src/core/ids.ts";
import { controlPiece, textPiece, type Piece } from "../../src/core/piece.ts";
import type {
  Engine,
  GenerateEnd,
  GenerateOptions,
  Sampling,
  Sequence,
  TokenDelta,
} from "../../src/engines/engine.ts";

export interface ConformanceOptions {
  /** A new engine: its model gives lively random text, and its greedy text is never the end of the turn for 40 tokens. */
  readonly makeEngine: () => Promise<Engine>;
  readonly capabilities: Engine["capabilities"];
  /** Sequences that can be open at once; at least 4. */
  readonly slots: number;
  /** Control tokens of the vocabulary. */
  readonly open: string;
  readonly close: string;
  readonly endOfTurn: string;
  /** The bytes of a token, where ids are known. */
  readonly bytes: (id: TokenId) => Uint8Array;
  /** How far log-probabilities may differ between ways of computing them. Default 1e-4. */
  readonly tolerance?: number;
}

const GREEDY: Sampling = { temperature: 0, seed: 1 };
const PROMPT: readonly Piece[] = [
  controlPiece("<|im_start|>"),
  textPiece("user\nWhat is 12 + 7?"),
  controlPiece("<|im_end|>"),
];

interface Generated {
  readonly tokens: readonly TokenDelta[];
  readonly end: GenerateEnd;
  readonly text: string;
  readonly ids: readonly (TokenId | undefined)[];
}

async function collect(
  sequence: Sequence,
  options: GenerateOptions,
  signal?: AbortSignal,
): Promise<Generated> {
  const tokens: TokenDelta[] = [];
  const ends: GenerateEnd[] = [];
  for await (const event of sequence.generate(options, signal)) {
    if (event.type === "token") {
      expect(ends).toEqual([]);
      tokens.push(event);
    } else ends.push(event);
  }
  expect(ends).toHaveLength(1);
  const [end] = ends;
  return {
    tokens,
    end: end!,
    text: tokens.map(({ text }) => text).join(""),
    ids: tokens.map(({ id }) => id),
  };
}

export function engineConformance(name: string, options: ConformanceOptions): void {
  const { capabilities, open, close, endOfTurn, slots, bytes } = options;
  const tolerance = options.tolerance ?? 1e-4;
  const everyPosition = capabilities.scores === "every-position";
  const drawsByPosition = (capabilities.draws ?? "position") === "position";
  const test = (title: string, run: () => Promise<void>, unless?: string | false): void => {
    if (unless !== undefined && unless !== false) it.skip(`${title} [skipped: ${unless}]`, run);
    else it(title, run);
  };
  const noIds = !capabilities.tokenIds && "token ids are not exact (capabilities.tokenIds)";
  const noBias = !capabilities.logitBias && "no logit bias (capabilities.logitBias)";
  const probeOnly = !everyPosition && "scores exist after the last token only (capabilities.scores)";
  const noLogprobs =
    capabilities.logprobs === false &&
    "log-probabilities are not those at temperature 1 (capabilities.logprobs)";
  const noMarkers =
    !(capabilities.isControlToken(open) && capabilities.isControlToken(close)) &&
    "the markers are not control tokens of this vocabulary (capabilities.isControlToken)";

  describe(`${name} keeps the Engine contract`, () => {
    let engine: Engine;
    const opened: Sequence[] = [];
    beforeAll(async () => {
      engine = await options.makeEngine();
    });
    afterAll(async () => {
      await engine.close();
    });

    /** Runs with sequences that are closed afterwards, whatever happens. */
    const using = (
      run: (start: (pieces?: readonly Piece[], contextSize?: number) => Promise<Sequence>) => Promise<void>,
    ) => {
      return async () => {
        try {
          await run(async (pieces = PROMPT, contextSize) => {
            const sequence = await engine.open(contextSize === undefined ? {} : { contextSize });
            opened.push(sequence);
            if (pieces.length > 0) expect(await sequence.append(pieces)).toMatchObject({ status: "ok" });
            return sequence;
          });
        } finally {
          await Promise.all(opened.splice(0).map((sequence) => sequence.close()));
        }
      };
    };
    const ids = (...values: readonly (TokenId | undefined)[]): Piece => ({
      text: "?",
      tokens: { vocabulary: engine.vocabulary, ids: values.map((id) => id!) },
    });

    describe("append", () => {
      test(
        "says where the sequence is, and counts its work",
        using(async (start) => {
          const sequence = await start([]);
          expect(sequence.position).toBe(0);
          const first = await sequence.append(PROMPT);
          const count = await engine.countTokens(PROMPT);
          expect(first).toMatchObject({ status: "ok", position: count });
          expect(sequence.position).toBe(count);
          if (capabilities.tokenIds && first.status === "ok") expect(first.tokens).toHaveLength(count);
          const second = await sequence.append([textPiece("abc")]);
          expect(second).toMatchObject({ status: "ok", position: sequence.position });
          expect(sequence.work).toMatchObject({ prefilled: sequence.position, scored: 0, decoded: 0 });
          expect(await sequence.append([])).toMatchObject({ status: "ok", position: sequence.position });
        }),
      );

      test(
        "reads a marker as one token in a control piece only: what a user typed stays text",
        using(async () => {
          expect(await engine.countTokens([controlPiece(open)])).toBe(1);
          const typed = await engine.countTokens([textPiece(open)]);
          expect(typed).toBeGreaterThan(1);
          expect(await engine.countTokens([textPiece("a"), controlPiece(open), textPiece("b")])).toBe(3);
        }),
        noMarkers,
      );

      test(
        "never re-encodes ids of its own vocabulary",
        using(async (start) => {
          const sequence = await start([]);
          const letters = await sequence.append([textPiece("a"), controlPiece(open), textPiece("b")]);
          if (letters.status !== "ok") throw new Error("full");
          const again = await sequence.append([ids(...letters.tokens.toReversed())]);
          expect(again).toMatchObject({ status: "ok", tokens: letters.tokens.toReversed() });
          // Ids of another vocabulary mean nothing here: the text counts.
          const foreign: Piece = { text: "a", tokens: { vocabulary: "other" as never, ids: [1 as TokenId] } };
          expect(await sequence.append([foreign])).toMatchObject({ tokens: letters.tokens.slice(0, 1) });
        }),
        noIds,
      );

      test(
        "is all or nothing when the context is full",
        using(async (start) => {
          const sequence = await start(PROMPT, 64);
          const before = sequence.position;
          const outcome = await sequence.append([textPiece("x y z ".repeat(60))]);
          expect(outcome).toMatchObject({ status: "context-full", position: before, capacity: 64 });
          if (outcome.status === "context-full") expect(outcome.required).toBeGreaterThan(64);
          expect(sequence.position).toBe(before);
          const fresh = await start(PROMPT);
          const [a, b] = [await collect(sequence, greedy(8)), await collect(fresh, greedy(8))];
          expect(a).toEqual(b);
        }),
      );

      test(
        "does nothing once its signal is aborted",
        using(async (start) => {
          const sequence = await start();
          const before = sequence.position;
          await expect(sequence.append([textPiece("abc")], AbortSignal.abort())).rejects.toMatchObject({
            code: "aborted",
          });
          expect(sequence.position).toBe(before);
        }),
      );
    });

    describe("generate", () => {
      test(
        "yields up to the limit, every token in the sequence",
        using(async (start) => {
          const sequence = await start();
          const before = sequence.position;
          const positions: number[] = [];
          let count = 0;
          for await (const event of sequence.generate(greedy(5))) {
            if (event.type === "end") expect(event).toMatchObject({ reason: "limit" });
            else {
              count++;
              positions.push(sequence.position);
            }
          }
          expect(count).toBe(5);
          expect(positions).toEqual([1, 2, 3, 4, 5].map((step) => before + step));
          expect(sequence.work.decoded).toBe(5);
          expect(await collect(sequence, greedy(0))).toMatchObject({ tokens: [], end: { reason: "limit" } });
          expect(sequence.position).toBe(before + 5);
        }),
      );

      test(
        "is deterministic when greedy, in one call or in many",
        using(async (start) => {
          const whole = await collect(await start(), greedy(24));
          const sequence = await start();
          const parts: string[] = [];
          for (const size of [1, 2, 5, 1, 8, 7]) parts.push((await collect(sequence, greedy(size))).text);
          expect(parts.join("")).toBe(whole.text);
          expect((await collect(await start(), greedy(24))).ids).toEqual(whole.ids);
        }),
      );

      test(
        "draws the same tokens at the same position from the same seed, however the calls are cut",
        using(async (start) => {
          const sampled = (maxTokens: number, seed = 5): GenerateOptions => ({
            maxTokens,
            sampling: { temperature: 0.9, topP: 0.95, seed },
          });
          const whole = await collect(await start(), sampled(24));
          // Where a server samples, the beginning of a request is a part of the seed: the same calls draw the same.
          const inParts = async (sizes: readonly number[]) => {
            const sequence = await start();
            const ids: (TokenId | undefined)[] = [];
            let text = "";
            for (const size of sizes) {
              const part = await collect(sequence, sampled(size));
              ids.push(...part.ids);
              text += part.text;
            }
            return { ids, text };
          };
          const parts = await inParts([3, 1, 10, 10]);
          expect(parts).toEqual(
            drawsByPosition ? { ids: whole.ids, text: whole.text } : await inParts([3, 1, 10, 10]),
          );
          expect((await collect(await start(), sampled(24))).ids).toEqual(whole.ids);
          expect((await collect(await start(), sampled(24, 6))).text).not.toBe(whole.text);
          expect((await collect(await start(), { ...sampled(24), logprobs: true })).ids).toEqual(whole.ids);
        }),
      );

      test(
        "ends at a control token without yielding it or leaving it in the sequence",
        using(async (start) => {
          const sequence = await start();
          const free = await collect(sequence, greedy(6));
          const before = sequence.position;
          const stopped = await collect(sequence, {
            ...greedy(6),
            stop: [open, close],
            bias: [{ marker: close, nats: 200 }],
            logprobs: true,
          });
          expect(stopped).toMatchObject({ tokens: [], end: { reason: "stop", marker: close } });
          if (noLogprobs === false) expect(stopped.end.logprob).toBeLessThanOrEqual(0);
          expect(sequence.position).toBe(before);
          const after = await collect(sequence, greedy(6));
          expect(free.text + after.text).toBe((await collect(await start(), greedy(12))).text);
        }),
        noBias || noMarkers,
      );

      test(
        "yields a control token that nobody stops at",
        using(async (start) => {
          const sequence = await start();
          const shown = await collect(sequence, { ...greedy(1), bias: [{ marker: close, nats: 200 }] });
          expect(shown).toMatchObject({ text: close, end: { reason: "limit" } });
        }),
        noBias || noMarkers,
      );

      test(
        "ends with the turn",
        using(async (start) => {
          const sequence = await start();
          const before = sequence.position;
          const ended = await collect(sequence, {
            ...greedy(6),
            bias: [{ marker: endOfTurn, nats: 200 }],
            logprobs: true,
          });
          expect(ended).toMatchObject({ tokens: [], end: { reason: "end-of-turn" } });
          // A server that speaks text does not report the token that ended the turn.
          if (noLogprobs === false && noIds === false) expect(ended.end.logprob).toBeLessThanOrEqual(0);
          expect(sequence.position).toBe(before);
          const stopped = await collect(sequence, {
            ...greedy(6),
            stop: [endOfTurn],
            bias: [{ marker: endOfTurn, nats: 200 }],
          });
          expect(stopped.end).toMatchObject({ reason: "stop", marker: endOfTurn });
        }),
        noBias,
      );

      test(
        "ends when the context is full",
        using(async (start) => {
          const sequence = await start(PROMPT, 64);
          const room = 64 - sequence.position;
          const all = await collect(sequence, greedy(200));
          expect(all.end.reason).toBe("context-full");
          expect(all.tokens).toHaveLength(room);
          expect(sequence.position).toBe(64);
          expect(await collect(sequence, greedy(5))).toMatchObject({
            tokens: [],
            end: { reason: "context-full" },
          });
          expect((await collect(await start(), greedy(room))).text).toBe(all.text);
        }),
      );

      test(
        "ends at a text of several tokens, of which none is yielded",
        using(async (start) => {
          const free = await collect(await start(), greedy(30));
          for (const [from, to] of [
            [5, 9],
            [0, 2],
            [11, 12],
          ] as const) {
            const marker = free.text.slice(from, to);
            const sequence = await start();
            const before = sequence.position;
            const stopped = await collect(sequence, { ...greedy(30), stop: ["\u0001never", marker] });
            const end = free.text.indexOf(marker);
            expect(stopped.text).toBe(free.text.slice(0, end));
            expect(stopped.end).toMatchObject({ reason: "stop", marker });
            expect(sequence.position).toBe(before + stopped.tokens.length);
            // If the stop text began within a token, the text before it was written again, so the continuation differs.
            const isSame = stopped.ids.every((id, index) => id === free.ids[index]);
            const rest = await collect(sequence, greedy(4));
            const length = stopped.tokens.length;
            if (isSame && capabilities.tokenIds) expect(rest.ids).toEqual(free.ids.slice(length, length + 4));
            await sequence.close();
          }
        }),
      );

      test(
        "gives back tokens that looked like a stop text and were none",
        using(async (start) => {
          const free = await collect(await start(), greedy(20));
          // Begins like what is generated at character 3, and then differs.
          const marker = `${free.text.slice(3, 8)}\u0002`;
          const sequence = await start();
          const whole = await collect(sequence, { ...greedy(20), stop: [marker] });
          expect(whole.text).toBe(free.text);
          expect(whole.ids).toEqual(free.ids);
          expect(whole.end.reason).toBe("limit");
          const cut = await start();
          for await (const event of cut.generate({ ...greedy(20), stop: [marker] })) {
            if (event.type === "token") break;
          }
          expect((await collect(cut, greedy(19))).text).toBe(
            free.tokens
              .slice(1)
              .map(({ text }) => text)
              .join(""),
          );
        }),
      );

      test(
        "never emits a forbidden marker",
        using(async (start) => {
          const hot = (seed: number): GenerateOptions => ({
            maxTokens: 40,
            sampling: { temperature: 1.5, seed },
            bias: [
              { marker: open, nats: -Infinity },
              { marker: close, nats: -Infinity },
            ],
          });
          for (const seed of [1, 2, 3]) {
            const { text } = await collect(await start(), hot(seed));
            expect(text).not.toContain(open);
            expect(text).not.toContain(close);
          }
          const free = await collect(await start(), greedy(20));
          const marker = free.text.slice(6, 9);
          const other = await collect(await start(), { ...greedy(20), bias: [{ marker, nats: -Infinity }] });
          expect(other.text.slice(0, 6)).toBe(free.text.slice(0, 6));
          expect(other.text).not.toContain(marker);
        }),
        noBias,
      );

      test(
        "refuses a finite bias on a text of several tokens",
        using(async (start) => {
          const sequence = await start();
          const biased = collect(sequence, { ...greedy(2), bias: [{ marker: "several tokens", nats: 1 }] });
          await expect(biased).rejects.toMatchObject({ code: "usage" });
        }),
        noBias,
      );

      test(
        "reports log-probabilities and entropies at temperature 1, whatever the sampling and the bias",
        using(async (start) => {
          const plain = await collect(await start(), { ...greedy(8), logprobs: true, entropy: true });
          for (const { logprob, entropy } of plain.tokens) {
            expect(logprob).toBeLessThanOrEqual(0);
            if (capabilities.entropy === false) expect(entropy).toBeUndefined();
            else expect(entropy).toBeGreaterThan(0);
          }
          const biased = await collect(await start(), {
            maxTokens: 8,
            sampling: { temperature: 0.01, topP: 0.5, seed: 3 },
            bias: [
              { marker: close, nats: -Infinity },
              { marker: open, nats: -3 },
            ],
            logprobs: true,
            entropy: true,
          });
          expect(biased.text).toBe(plain.text);
          for (const [index, token] of biased.tokens.entries()) {
            expect(Math.abs((token.logprob ?? NaN) - (plain.tokens[index]?.logprob ?? NaN))).toBeLessThan(
              tolerance,
            );
            if (capabilities.entropy === false) continue;
            expect(Math.abs((token.entropy ?? NaN) - (plain.tokens[index]?.entropy ?? NaN))).toBeLessThan(
              10 * tolerance,
            );
          }
        }),
        noBias || noMarkers || noLogprobs,
      );

      test(
        "reports nothing that was not asked for",
        using(async (start) => {
          const { tokens } = await collect(await start(), greedy(3));
          for (const token of tokens) expect(token).not.toHaveProperty("logprob");
        }),
      );

      test(
        "completes code points across tokens",
        using(async (start) => {
          const sequence = await start();
          const { tokens, text } = await collect(sequence, {
            maxTokens: 200,
            sampling: { temperature: 1.4, seed: 11 },
          });
          const all = Buffer.concat(tokens.map(({ id }) => bytes(id!)));
          const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
          expect(text).toBe(decoder.decode(all, { stream: true }));
        }),
        noIds,
      );

      test(
        "refuses to continue an empty sequence",
        using(async (start) => {
          await expect(collect(await start([]), greedy(1))).rejects.toMatchObject({ code: "usage" });
        }),
      );
    });

    describe("leaving early", () => {
      test(
        "by break keeps the last token yielded, and nothing runs on",
        using(async (start) => {
          const whole = await collect(await start(), greedy(12));
          const sequence = await start();
          const before = sequence.position;
          let seen = 0;
          for await (const event of sequence.generate(greedy(12)))
            if (event.type === "token" && ++seen === 5) break;
          expect(sequence.position).toBe(before + 5);
          const { decoded } = sequence.work;
          expect(decoded).toBe(5);
          await new Promise((resolve) => setTimeout(resolve, 20));
          expect(sequence.work.decoded).toBe(decoded);
          expect((await collect(sequence, greedy(7))).text).toBe(textOf(whole.tokens.slice(5)));
        }),
      );

      test(
        "by the signal throws, keeps the last token yielded, and nothing runs on",
        using(async (start) => {
          const whole = await collect(await start(), greedy(12));
          const sequence = await start();
          const before = sequence.position;
          const controller = new AbortController();
          let seen = 0;
          const run = (async () => {
            for await (const event of sequence.generate(greedy(12), controller.signal)) {
              if (event.type === "token" && ++seen === 5) controller.abort();
            }
          })();
          await expect(run).rejects.toBeInstanceOf(EngineError);
          await expect(run).rejects.toMatchObject({ code: "aborted" });
          expect(sequence.position).toBe(before + 5);
          await new Promise((resolve) => setTimeout(resolve, 20));
          expect(sequence.work.decoded).toBe(5);
          expect((await collect(sequence, greedy(7))).text).toBe(textOf(whole.tokens.slice(5)));
        }),
      );

      test(
        "by the signal while a token is drawn drops that token",
        using(async (start) => {
          const whole = await collect(await start(), greedy(12));
          const sequence = await start();
          const before = sequence.position;
          const controller = new AbortController();
          const events = sequence.generate(greedy(12), controller.signal)[Symbol.asyncIterator]();
          await events.next();
          const pending = events.next();
          controller.abort();
          await expect(pending).rejects.toMatchObject({ code: "aborted" });
          expect(sequence.position).toBe(before + 1);
          expect((await collect(sequence, greedy(11))).text).toBe(textOf(whole.tokens.slice(1)));
        }),
      );

      test(
        "a call that changes the sequence ends a generation under way",
        using(async (start) => {
          const sequence = await start();
          const events = sequence.generate(greedy(12))[Symbol.asyncIterator]();
          await events.next();
          await events.next();
          await sequence.append([textPiece("abc")]);
          await expect(events.next()).rejects.toMatchObject({ code: "usage" });
          await collect(sequence, greedy(2));
        }),
      );
    });

    describe("score", () => {
      test(
        "says after every token how likely each marker is next",
        using(async (start) => {
          const sequence = await start();
          const before = sequence.position;
          const text = textPiece("12 + 7 = 19, é🌍.");
          const outcome = await sequence.score([text], { watch: [open, close, endOfTurn] });
          if (outcome.status !== "ok") throw new Error("full");
          const count = await engine.countTokens([text]);
          expect(outcome.entries).toHaveLength(count);
          expect(outcome.position).toBe(before + count);
          expect(sequence.position).toBe(before + count);
          expect(sequence.work).toMatchObject({ scored: count, prefilled: before });
          expect(outcome.entries.map((entry) => entry.text).join("")).toBe(text.text);
          for (const [index, entry] of outcome.entries.entries()) {
            expect(entry.position).toBe(before + index + 1);
            expect(entry).not.toHaveProperty("tokenLogprob");
            const probe = await start(
              [PROMPT, [ids(...outcome.entries.slice(0, index + 1).map(({ id }) => id))]].flat(),
            );
            await expectEntry(probe, entry, [open, close, endOfTurn], tolerance);
            await probe.close();
          }
        }),
        probeOnly || noMarkers || noBias || noIds || noLogprobs,
      );

      test(
        "says after the last token how likely each marker is next",
        using(async (start) => {
          const sequence = await start();
          const outcome = await sequence.score([textPiece("12 + 7")], { watch: [open, close] });
          if (outcome.status !== "ok") throw new Error("full");
          const entry = outcome.entries.at(-1)!;
          expect(entry.position).toBe(sequence.position);
          await expectEntry(await start([...PROMPT, textPiece("12 + 7")]), entry, [open, close], tolerance);
        }),
        noMarkers || noBias || noLogprobs,
      );

      test(
        "says how likely the tokens themselves were",
        using(async (start) => {
          const writes: GenerateOptions[] = [
            greedy(12),
            { maxTokens: 12, sampling: { temperature: 1, seed: 5 } },
          ];
          for (const write of writes) {
            const writer = await start();
            const written = await collect(writer, { ...write, logprobs: true });
            await writer.close();
            for (const cut of [0, 5]) {
              const sequence = await start();
              if (cut > 0) await sequence.append([ids(...written.ids.slice(0, cut))]);
              const outcome = await sequence.score([ids(...written.ids.slice(cut))], {
                watch: [],
                tokenLogprobs: true,
              });
              await sequence.close();
              if (outcome.status !== "ok") throw new Error("full");
              for (const [index, entry] of outcome.entries.entries()) {
                const wanted = written.tokens[cut + index]?.logprob ?? NaN;
                expect(Math.abs((entry.tokenLogprob ?? NaN) - wanted)).toBeLessThan(tolerance);
              }
            }
          }
          const first = await (await start([])).score([textPiece("ab")], { watch: [], tokenLogprobs: true });
          if (first.status !== "ok") throw new Error("full");
          expect(first.entries[0]).not.toHaveProperty("tokenLogprob");
          expect(first.entries[1]?.tokenLogprob).toBeLessThanOrEqual(0);
        }),
        probeOnly || noIds || noLogprobs,
      );

      test(
        "leaves the sequence as append would",
        using(async (start) => {
          const appended = await start();
          await appended.append([textPiece("abc "), controlPiece(open)]);
          const scored = await start();
          await scored.score([textPiece("abc ")], { watch: [close] });
          await scored.score([controlPiece(open)], { watch: [close], tokenLogprobs: everyPosition });
          expect(scored.position).toBe(appended.position);
          const options: GenerateOptions = { maxTokens: 12, sampling: { temperature: 0.8, seed: 4 } };
          expect((await collect(scored, options)).text).toBe((await collect(appended, options)).text);
        }),
        noMarkers,
      );

      test(
        "is all or nothing when the context is full, or aborted",
        using(async (start) => {
          const sequence = await start(PROMPT, 64);
          const before = sequence.position;
          const long = textPiece("x y z ".repeat(60));
          expect(await sequence.score([long], { watch: [close] })).toMatchObject({
            status: "context-full",
            position: before,
          });
          const aborted = sequence.score([textPiece("x")], { watch: [close] }, AbortSignal.abort());
          await expect(aborted).rejects.toMatchObject({ code: "aborted" });
          expect(sequence.position).toBe(before);
          expect(await sequence.score([], { watch: [close] })).toMatchObject({ status: "ok", entries: [] });
        }),
        noMarkers,
      );

      test(
        "refuses to watch what is not a control token",
        using(async (start) => {
          const sequence = await start();
          const watched = (async () => sequence.score([textPiece("x")], { watch: ["several tokens"] }))();
          await expect(watched).rejects.toMatchObject({ code: "usage" });
        }),
      );
    });

    describe("truncate and fork", () => {
      test(
        "truncate, then generate, equals a fresh sequence",
        using(async (start) => {
          const fresh = await collect(await start(), greedy(16));
          const sequence = await start();
          const before = sequence.position;
          await collect(sequence, { maxTokens: 10, sampling: { temperature: 1.2, seed: 9 } });
          await sequence.score([textPiece("something else")], { watch: [] });
          await sequence.truncate(before);
          expect(sequence.position).toBe(before);
          expect((await collect(sequence, greedy(16))).text).toBe(fresh.text);
          await sequence.truncate(before + 7);
          expect((await collect(sequence, greedy(9))).text).toBe(textOf(fresh.tokens.slice(7)));
          await sequence.truncate(0);
          await sequence.append(PROMPT);
          expect((await collect(sequence, greedy(16))).text).toBe(fresh.text);
          await expect(sequence.truncate(sequence.position + 1)).rejects.toMatchObject({ code: "usage" });
        }),
      );

      test(
        "a fork has the same content, and both grow apart",
        using(async (start) => {
          const fresh = await collect(await start(), greedy(16));
          const sequence = await start();
          await collect(sequence, greedy(6));
          const copy = await sequence.fork();
          opened.push(copy);
          expect(copy.position).toBe(sequence.position);
          expect(copy.work).toMatchObject({ decoded: 0 });
          await copy.append([textPiece("zzz")]);
          await collect(copy, greedy(4));
          expect((await collect(sequence, greedy(10))).text).toBe(textOf(fresh.tokens.slice(6)));
          const second = await sequence.fork();
          await sequence.close();
          opened.push(second);
          await collect(second, greedy(3));
        }),
      );
    });

    describe("several sequences", () => {
      test(
        "give at once what they give alone",
        using(async (start) => {
          const prompts = ["a", "Hello, world", "What is 3 * 4 and why?", "x"].map((text) => [
            ...PROMPT,
            textPiece(text),
          ]);
          const run = async (index: number) => {
            const sequence = await start(prompts[index]);
            const first = await collect(sequence, {
              maxTokens: 8 + index,
              sampling: { temperature: 0.7, seed: index },
            });
            await sequence.score([textPiece("then")], { watch: [] });
            const second = await collect(sequence, { ...greedy(12), logprobs: index % 2 === 0 });
            await sequence.close();
            return first.text + second.text;
          };
          const alone: string[] = [];
          for (const index of prompts.keys()) alone.push(await run(index));
          expect(await Promise.all([...prompts.keys()].map(run))).toEqual(alone);
        }),
      );

      test(
        "wait for a free slot in the order of asking, and can stop waiting",
        async () => {
          const all = await Promise.all(Array.from({ length: slots }, async () => engine.open()));
          const order: string[] = [];
          const controller = new AbortController();
          const first = engine.open().then((sequence) => {
            order.push("first");
            return sequence;
          });
          const impatient = engine.open({}, controller.signal);
          const second = engine.open().then((sequence) => {
            order.push("second");
            return sequence;
          });
          controller.abort();
          await expect(impatient).rejects.toMatchObject({ code: "aborted" });
          await expect(all[0]!.fork()).rejects.toMatchObject({ code: "engine-unavailable", retryable: true });
          await all[0]!.close();
          const next = await first;
          await next.close();
          await (await second).close();
          expect(order).toEqual(["first", "second"]);
          await Promise.all(all.map((sequence) => sequence.close()));
        },
        slots === Infinity && "any number of sequences can be open",
      );

      test("refuses a context larger than the engine's", async () => {
        const contextSize = engine.capabilities.contextSize + 1;
        await expect(engine.open({ contextSize })).rejects.toMatchObject({ code: "usage" });
      });
    });

    describe("closing", () => {
      test(
        "a sequence that generates ends the generation",
        using(async (start) => {
          const sequence = await start();
          const events = sequence.generate(greedy(12))[Symbol.asyncIterator]();
          await events.next();
          const pending = events.next();
          const outcome = pending.then(
            () => "a token",
            (error: unknown) => error,
          );
          await sequence.close();
          const late = await outcome;
          // The token was drawn before the close, or the draw was cut off: never anything else.
          if (late !== "a token") expect(late).toMatchObject({ code: "engine-closed" });
          else await expect(events.next()).rejects.toMatchObject({ code: "engine-closed" });
        }),
      );

      test(
        "a sequence refuses further use, and closes twice without harm",
        using(async (start) => {
          const sequence = await start();
          await sequence.close();
          await sequence.close();
          await expect(sequence.append(PROMPT)).rejects.toMatchObject({ code: "engine-closed" });
          await expect(collect(sequence, greedy(1))).rejects.toMatchObject({ code: "engine-closed" });
          await expect(sequence.truncate(0)).rejects.toMatchObject({ code: "engine-closed" });
          await expect(sequence.fork()).rejects.toMatchObject({ code: "engine-closed" });
        }),
      );

      test("the engine closes its sequences, also those that generate", async () => {
        const other = await options.makeEngine();
        const sequence = await other.open();
        await sequence.append(PROMPT);
        const run = (async () => {
          let closing: Promise<void> | undefined;
          for await (const _ of sequence.generate(greedy(200))) closing ??= other.close();
        })().catch((error: unknown) => error);
        expect(await run).toMatchObject({ code: "engine-closed" });
        await expect(other.open()).rejects.toMatchObject({ code: "engine-closed" });
        await other.close();
      });
    });
  });
}

const greedy = (maxTokens: number): GenerateOptions => ({ maxTokens, sampling: GREEDY });

const textOf = (tokens: readonly TokenDelta[]) => tokens.map(({ text }) => text).join("");

/** Compares a score entry with what single draws say: the marker forced by a bias reports its own log-probability. */
async function expectEntry(
  sequence: Sequence,
  entry: { readonly watchLogprobs: readonly number[]; readonly watchArgmax: number },
  watch: readonly string[],
  tolerance: number,
): Promise<void> {
  for (const [index, marker] of watch.entries()) {
    const forced = await collect(sequence, {
      ...greedy(1),
      stop: [marker],
      bias: [{ marker, nats: 200 }],
      logprobs: true,
    });
    expect(Math.abs((entry.watchLogprobs[index] ?? NaN) - (forced.end.logprob ?? NaN))).toBeLessThan(
      tolerance,
    );
  }
  const next = await collect(sequence, { ...greedy(1), stop: watch });
  expect(entry.watchArgmax).toBe(next.end.reason === "stop" ? watch.indexOf(next.end.marker ?? "") : -1);
}
