/**
 * What the split decoder itself takes for a token, whatever the model: tokens of a model that needs no time, taken directly and through `SplitDecoder`
 * with offloading off. With a real model in it the difference would be lost in what its own draws differ by.
 */
import type { Clock } from "../../core/clock.ts";
import { modelId, tokenId, vocabularyId } from "../../core/ids.ts";
import { textPiece } from "../../core/piece.ts";
import { never } from "../../decode/policies/never.ts";
import { SplitDecoder } from "../../decode/split-decoder.ts";
import type { Engine, GenerateEvent, GenerateOptions, Sequence } from "../../engines/engine.ts";

/** Enough that opening and closing do not count. */
const TOKENS = 2000;
const SAMPLING = { temperature: 0, seed: 0 };

/** Milliseconds. The first call also warms up: leave it out. */
export async function measureDecoderTokenMs(clock: Clock): Promise<number> {
  const engine = instantEngine();
  const fromMs = clock.nowMs();
  const sequence = await engine.open();
  for await (const _ of sequence.generate({ maxTokens: TOKENS, sampling: SAMPLING }));
  const betweenMs = clock.nowMs();
  const decoder = new SplitDecoder({ small: engine }, { clock });
  const request = {
    prompt: [textPiece("a")],
    policy: never(),
    limits: { maxTokens: TOKENS },
    sampling: SAMPLING,
  };
  for await (const _ of decoder.decode(request));
  return Math.max(0, (clock.nowMs() - betweenMs - (betweenMs - fromMs)) / TOKENS);
}

const LETTER = { type: "token", text: "a", id: tokenId(0) } as const;

/** Says `a` at once, for ever. */
function instantEngine(): Engine {
  const contextSize = 2 * TOKENS;
  const open = async (): Promise<Sequence> => {
    let position = 0;
    const work = { prefilled: 0, scored: 0, decoded: 0, calls: 0 };
    return {
      get position() {
        return position;
      },
      work,
      append: async () => ({ status: "ok", position, tokens: [] }),
      async *generate({ maxTokens }: GenerateOptions): AsyncGenerator<GenerateEvent> {
        for (let count = 0; count < maxTokens; count++) {
          position++;
          work.decoded++;
          yield LETTER;
        }
        yield { type: "end", reason: "limit" };
      },
      score: async () => ({ status: "ok", position, entries: [] }),
      truncate: async (to) => {
        position = to;
      },
      fork: open,
      close: async () => {},
      [Symbol.asyncDispose]: async () => {},
    };
  };
  return {
    model: modelId("instant"),
    vocabulary: vocabularyId("instant"),
    capabilities: {
      scores: "every-position",
      prefill: true,
      tokenIds: true,
      logitBias: true,
      isControlToken: () => false,
      contextSize,
    },
    open,
    countTokens: async () => 0,
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}
