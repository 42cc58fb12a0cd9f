/** Two toy models that switch often, and what the tests of the decoder do with them. */
import { textPiece } from "../../src/core/piece.ts";
import { type FinishEvent, type SplitEvent, type SplitRequest, learned } from "../../src/decode/index.ts";
import { OFFLOAD_TAGS } from "../../src/tags/grammar.ts";
import { END_OF_TURN, ToyEngine, type ToyOptions, toyVocabulary } from "./toy-engine.ts";

const { open, close } = OFFLOAD_TAGS;
const [eAcute1, eAcute2] = [Uint8Array.of(0xc3), Uint8Array.of(0xa9)];
const letters = [" ", "a", "b", "c", "\n", "é", "\ufffd", "<", ">", "/", "i", "g", "m", "o", "d", "e", "l"];

/** With tags, and with tokens that are parts of code points. */
const taggedVocabulary = toyVocabulary(
  [...letters, " a", "ab", " bc", "cab", eAcute1, eAcute2],
  [open, close],
);
/** Other tokens, and no tags. */
const otherVocabulary = toyVocabulary([...letters, "abc", " ab", "ca", "a\n", " c b", eAcute1, eAcute2], []);

export interface ToyPairOptions {
  readonly seed: number;
  readonly otherVocabulary?: boolean;
  readonly openBoost?: number;
  readonly closeBoost?: number;
  readonly small?: Partial<ToyOptions>;
  readonly big?: Partial<ToyOptions>;
}

export function toyPair(options: ToyPairOptions): { readonly small: ToyEngine; readonly big: ToyEngine } {
  const boosts = { [open]: options.openBoost ?? 1, [close]: options.closeBoost ?? 1 };
  return {
    small: new ToyEngine({
      name: "small",
      seed: options.seed,
      vocabulary: taggedVocabulary,
      boosts: { ...boosts, [END_OF_TURN]: -6 },
      ...options.small,
    }),
    big: new ToyEngine({
      name: "big",
      seed: options.seed + 1,
      vocabulary: options.otherVocabulary === true ? otherVocabulary : taggedVocabulary,
      boosts: { ...boosts, [END_OF_TURN]: -3 },
      ...options.big,
    }),
  };
}

/** A prompt in which a user typed tags: they are text. */
export const prompt = [textPiece("ab <bigmodel> a</bigmodel>c")];
export const promptForBig = [textPiece("ab ca c")];

export function request(seed: number, more: Partial<SplitRequest> = {}): SplitRequest {
  return {
    prompt,
    promptForBig,
    policy: learned(),
    limits: { maxTokens: 60 },
    sampling: { temperature: 0.8, seed },
    ...more,
  };
}

export async function eventsOf(stream: AsyncIterable<SplitEvent>): Promise<SplitEvent[]> {
  const events: SplitEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

export function finishOf(events: readonly SplitEvent[]): FinishEvent {
  const last = events.at(-1);
  if (last?.type !== "finish") throw new Error("no finish event");
  return last;
}

/** One line a token or tag: what two runs are compared by. */
export function traceOf(events: readonly SplitEvent[]): string[] {
  const trace: string[] = [];
  for (const event of events) {
    if (event.type === "segment-delta") {
      for (const token of event.tokens) trace.push(`${event.author}:${token.text}`);
    } else if (event.type === "tag") trace.push(event.by === "sampled" ? event.tag : event.by);
  }
  return trace;
}

/** Nothing is open and nothing runs. */
export function isIdle(...engines: readonly ToyEngine[]): boolean {
  return engines.every((engine) => engine.openSequences === 0 && engine.running === 0);
}
