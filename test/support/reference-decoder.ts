/**
 * The learned policy in its simplest form, to compare SplitDecoder with. It decodes one token at a time, and both models read the whole
 * text again each time. There are no chunks, no pipelining, no truncation, and no state but the text.
 */
import type { TokenId } from "../../src/core/ids.ts";
import { type Piece, controlPiece, textPiece } from "../../src/core/piece.ts";
import { createRng, hash32 } from "../../src/core/rng.ts";
import type {
  Engine,
  GenerateEvent,
  GenerateOptions,
  Sampling,
  ScoreEntry,
} from "../../src/engines/engine.ts";
import { OFFLOAD_TAGS } from "../../src/tags/grammar.ts";

export interface ReferenceRequest {
  readonly small: Engine;
  readonly big: Engine;
  readonly prompt: readonly Piece[];
  readonly promptForBig?: readonly Piece[];
  readonly maxTokens: number;
  readonly sampling: Sampling;
  readonly bias?: number;
  readonly budget?: number;
  /** Whether the budget holds after every token. */
  readonly hard?: boolean;
  /** What a budget between spans expects. Default: nothing of the whole, 8 tokens of a span. */
  readonly expected?: { readonly tokens: number; readonly spanTokens: number };
  readonly maxSegmentTokens?: number;
  readonly maxSegments?: number;
  readonly reject?: number;
}

export interface ReferenceResult {
  /** `small:text`, `big:text`, `open`, `refused`, `predicted`, `forced`, one entry a token or tag. */
  readonly trace: readonly string[];
  readonly finish: string;
  readonly switches: number;
}

const { open, close } = OFFLOAD_TAGS;

export async function referenceDecode(request: ReferenceRequest): Promise<ReferenceResult> {
  const { small, big, sampling } = request;
  const shared = small.vocabulary === big.vocabulary;
  const trace: string[] = [];
  const smallContext: Piece[] = [...request.prompt];
  const bigContext: Piece[] = [...(request.promptForBig ?? request.prompt)];
  // What was read before a hand-off is not tokenised as one with what comes after.
  const apart: Piece = { text: "", tokens: { vocabulary: big.vocabulary, ids: [] } };
  bigContext.push(apart);
  const rng = createRng(sampling.seed);
  const biased =
    request.bias === undefined || request.bias === 0 ? [] : [{ marker: open, nats: request.bias }];
  const forbidden = (marker: string) => ({ marker, nats: -Infinity });
  let smallTokens = 0;
  let bigTokens = 0;
  let segments = 0;
  let requests = 0;
  /** Tags drawn and refused at this very place. */
  let refused: string[] = [];
  const done = (finish: string): ReferenceResult => ({ trace, finish, switches: segments });

  for (;;) {
    if (smallTokens + bigTokens >= request.maxTokens) return done("length");
    const exhausted = segments >= (request.maxSegments ?? Infinity) || request.budget === 0;
    const step = await nextToken(small, smallContext, {
      maxTokens: 1,
      sampling:
        refused.length === 0
          ? sampling
          : { ...sampling, seed: hash32(`redraw ${refused.length}`, sampling.seed) },
      stop: [open, close],
      bias: [...refused.map(forbidden), ...(refused.includes(open) || exhausted ? [] : biased)],
    });
    if (step.type === "token") {
      refused = [];
      smallTokens++;
      trace.push(`small:${step.text}`);
      smallContext.push(known(small, step));
      bigContext.push(...(shared ? [known(big, step)] : asText(step.text)));
      continue;
    }
    if (step.reason !== "stop") return done(step.reason === "limit" ? "length" : step.reason);
    if (step.marker === close || exhausted) {
      refused.push(step.marker ?? "");
      continue;
    }
    const draw = rng.fork("dial").fork(requests++).next();
    const share = request.budget ?? 1;
    let allowance = Infinity;
    if (share < 1) {
      allowance = 0;
      while (bigTokens + allowance + 1 <= share * (smallTokens + bigTokens + allowance + 1) + 1e-9)
        allowance++;
    }
    // Between spans: what is not owed may be lent.
    const isSoft = share > 0 && share < 1 && request.hard !== true;
    const { tokens: expectedTokens, spanTokens } = request.expected ?? { tokens: 0, spanTokens: 8 };
    const paid = Math.max((share * smallTokens) / (1 - share), share * expectedTokens) - bigTokens;
    if (isSoft) allowance = paid >= 0 ? Infinity : 0;
    if (allowance < 1 || draw < (request.reject ?? 0)) {
      refused.push(open);
      trace.push("refused");
      continue;
    }
    segments++;
    const meanSpan = (2 * spanTokens + bigTokens) / (2 + segments);
    const boundaryAfter = isSoft ? Math.ceil(Math.max(paid, 4 * meanSpan)) : Infinity;
    if (isSoft) allowance = boundaryAfter + 32;
    refused = [];
    trace.push("open");
    smallContext.push(controlPiece(open));
    bigContext.push(apart);

    // The big model's segment.
    const closesAfter = (entry: ScoreEntry): boolean => {
      if (sampling.temperature === 0) return entry.watchArgmax === 0;
      const p = Math.exp(entry.watchLogprobs[0] as number);
      const yes = p ** (1 / sampling.temperature);
      const no = (1 - p) ** (1 / sampling.temperature);
      return rng.fork("close").fork(entry.position).next() < yes / (yes + no);
    };
    const inSegment: { text: string; piece: Piece }[] = [];
    let text = "";
    for (;;) {
      const count = inSegment.length;
      const isTotal = smallTokens + bigTokens + count >= request.maxTokens;
      const isCapped = count >= Math.min(request.maxSegmentTokens ?? Infinity, allowance);
      let next: GenerateEvent =
        isTotal || isCapped
          ? { type: "end", reason: "limit" }
          : await nextToken(big, [...bigContext, ...inSegment.map(({ piece }) => piece)], {
              maxTokens: 1,
              sampling: { ...sampling, seed: hash32("big", sampling.seed) },
              bias: big.capabilities.isControlToken(open) ? [forbidden(open), forbidden(close)] : [],
            });
      const isLong = inSegment.length >= boundaryAfter;
      if (isLong && next.type === "token" && (/^\s/u.test(next.text) || /\s$/u.test(text)))
        next = { type: "end", reason: "limit" };
      if (next.type === "token") {
        inSegment.push({ text: next.text, piece: known(big, next) });
        text += next.text;
      }
      const atEnd = next.type === "end";
      // What the small model reads: each token, or in another vocabulary the words that are complete.
      const visible = shared
        ? inSegment.map(({ piece }) => piece)
        : asText(atEnd ? text : text.slice(0, lastWordStart(text)));
      const entries = visible.some((piece) => piece.text !== "" || piece.tokens !== undefined)
        ? await readAfter(small, smallContext, visible)
        : [];
      const cut = entries.findIndex((entry, index) => {
        const complete = shared ? inSegment[index]?.text !== "" : entry.text !== "";
        return complete && closesAfter(entry);
      });
      if (cut < 0 && !atEnd) continue;
      const keptText = shared
        ? undefined
        : entries
            .slice(0, cut < 0 ? undefined : cut + 1)
            .map((entry) => entry.text)
            .join("");
      let left = keptText?.length ?? 0;
      let kept = 0;
      for (const [index, token] of inSegment.entries()) {
        if (shared && cut >= 0 && index > cut) break;
        if (!shared && cut >= 0 && left <= 0) break;
        const part = shared || cut < 0 ? token.text : token.text.slice(0, left);
        left -= part.length;
        kept++;
        trace.push(`big:${part}`);
        bigContext.push(...(part === token.text ? [token.piece] : asText(part)));
      }
      bigTokens += kept;
      if (shared) smallContext.push(...inSegment.slice(0, kept).map(({ piece }) => piece));
      else
        smallContext.push({
          text: keptText ?? "",
          tokens: { vocabulary: small.vocabulary, ids: idsOf(entries, cut) },
        });
      if (cut < 0 && isTotal) return done("length");
      trace.push(cut < 0 ? "forced" : "predicted");
      smallContext.push(controlPiece(close));
      break;
    }
  }
}

const idsOf = (entries: readonly ScoreEntry[], cut: number): TokenId[] =>
  entries.slice(0, cut < 0 ? undefined : cut + 1).map((entry) => entry.id as TokenId);

const known = (engine: Engine, token: { readonly text: string; readonly id?: TokenId }): Piece => ({
  text: token.text,
  tokens: { vocabulary: engine.vocabulary, ids: [token.id as TokenId] },
});

/** Text for another vocabulary: thinking marks are control tokens there too, tags are not. */
const asText = (text: string): Piece[] =>
  text
    .split(/(<\/?think>)/u)
    .map((part) => (/^<\/?think>$/u.test(part) ? controlPiece(part) : textPiece(part)));

/** Where the last word of a text begins: it may not be complete yet. */
function lastWordStart(text: string): number {
  for (let at = text.length - 1; at > 0; at--) {
    if (/(?:[^\s] |\n[^\s])$/u.test(text.slice(0, at + 1))) return at;
  }
  return 0;
}

async function nextToken(
  engine: Engine,
  context: readonly Piece[],
  options: GenerateOptions,
): Promise<GenerateEvent> {
  await using sequence = await engine.open();
  const outcome = await sequence.append(context);
  if (outcome.status === "context-full") return { type: "end", reason: "context-full" };
  for await (const event of sequence.generate(options)) return event;
  throw new Error("no event");
}

async function readAfter(
  engine: Engine,
  context: readonly Piece[],
  read: readonly Piece[],
): Promise<readonly ScoreEntry[]> {
  await using sequence = await engine.open();
  await sequence.append(context);
  const outcome = await sequence.score(read, { watch: [close] });
  if (outcome.status === "context-full") throw new Error("the reference's context is full");
  return outcome.entries;
}
