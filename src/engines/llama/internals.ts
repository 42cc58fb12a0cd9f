/**
 * The few undocumented parts of node-llama-cpp 3.22.1 that are used. They are looked up when a sequence is opened. If one is missing, the
 * documented interface does the same, but more slowly. With them a tiny model decodes a fifth faster than in the library's own loop,
 * since one sampler serves a whole generation.
 */
import type { LlamaContextSequence, Token } from "node-llama-cpp";

export interface SamplerConfig {
  temperature: number;
  topP?: number;
  seed?: number;
  tokenBiasKeys?: Uint32Array;
  tokenBiasValues?: Float32Array;
}

/** A chain of llama.cpp samplers. A new configuration keeps the samplers that did not change. */
export interface NativeSampler {
  applyConfig(config: SamplerConfig): void;
  dispose(): void;
}

type LogitFilter = readonly [
  tokens: readonly number[],
  max: boolean,
  min: boolean,
  selected: boolean,
  top: number,
];

interface NativeContext {
  sampleToken(logitIndex: number, sampler: NativeSampler): Promise<number>;
  sampleToken(
    logitIndex: number,
    sampler: NativeSampler,
    probabilities: boolean,
    confidence: boolean,
    logits: LogitFilter,
    totalLogitWeight: boolean,
  ): Promise<[token: number, unknown, unknown, logits: number[] | undefined, weight: number | undefined]>;
}

export interface SequenceInternals {
  readonly native: NativeContext;
  createSampler(): NativeSampler;
  /** Reads `tokens`, calls `sample` for the logits after the last one, and returns its result. */
  decode<Result>(tokens: readonly number[], sample: (logitIndex: number) => Promise<Result>): Promise<Result>;
  /** Reads `tokens`, calls `sample` for the logits after each of them, one after the other, and returns its results. */
  decodeEach<Result>(
    tokens: readonly number[],
    sample: (logitIndex: number) => Promise<Result>,
  ): Promise<readonly Result[]>;
}

interface InternalSequence {
  readonly _tokenMeter?: unknown;
  readonly _context?: { readonly _ctx?: Partial<NativeContext> };
  readonly model: {
    readonly _model?: unknown;
    readonly _llama?: {
      readonly _bindings?: { readonly AddonSampler?: new (model: unknown) => NativeSampler };
    };
  };
  _decodeTokens?(
    tokens: Token[],
    logits: (true | undefined)[],
    evaluationPriority: number,
    tokenMeter: unknown,
    contextShift: { readonly size: number; readonly strategy: () => never },
    map: (logitIndex: number) => unknown,
  ): Promise<unknown[]>;
}

const DEFAULT_PRIORITY = 5;

/** The undocumented parts, or undefined if the library differs or keeps checkpoints that only its own loop handles. */
export function internalsOf(sequence: LlamaContextSequence): SequenceInternals | undefined {
  const inner = sequence as unknown as InternalSequence;
  const native = inner._context?._ctx;
  const Sampler = inner.model._llama?._bindings?.AddonSampler;
  const model = inner.model._model;
  if (typeof inner._decodeTokens !== "function" || typeof native?.sampleToken !== "function")
    return undefined;
  if (typeof Sampler !== "function" || model === undefined || sequence.needsCheckpoints) return undefined;
  const shift = {
    size: 1,
    strategy: (): never => {
      throw new Error("the context is full");
    },
  };
  const decode = async (
    tokens: readonly number[],
    logits: (true | undefined)[],
    sample: (logitIndex: number) => unknown,
  ): Promise<unknown[]> =>
    (await inner._decodeTokens?.(
      [...tokens] as Token[],
      logits,
      DEFAULT_PRIORITY,
      inner._tokenMeter,
      shift,
      sample,
    )) ?? [];
  return {
    native: native as NativeContext,
    createSampler: () => new Sampler(model),
    decode: async <Result>(tokens: readonly number[], sample: (logitIndex: number) => Promise<Result>) => {
      const logits: (true | undefined)[] = [];
      logits[tokens.length - 1] = true;
      return (await decode(tokens, logits, sample))[tokens.length - 1] as Result;
    },
    decodeEach: async <Result>(tokens: readonly number[], sample: (logitIndex: number) => Promise<Result>) =>
      (await decode(
        tokens,
        tokens.map(() => true),
        sample,
      )) as Result[],
  };
}
