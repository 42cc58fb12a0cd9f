/**
 * The embedded engine: a GGUF in llama.cpp, in this process (node-llama-cpp 3.22.1). A file is checked before it is loaded, since llama.cpp
 * ends the process on many broken files. This is the folder's entrance; nothing outside the folder imports node-llama-cpp.
 */
import { availableParallelism } from "node:os";

import type { LlamaContext, LlamaModel } from "node-llama-cpp";

import { EngineError, errorMessage, SplitReasonError } from "../../core/errors.ts";
import { modelId, type ModelId } from "../../core/ids.ts";
import { checkAdapter, checkGguf, type GgufSummary } from "../../formats/gguf/index.ts";
import { throwIfAborted } from "../cancellation.ts";
import { TokenEngine } from "../token-engine.ts";
import { BatchOrder } from "./batch-order.ts";
import { LlamaBackend } from "./llama-backend.ts";
import type { Activity, LlamaShared } from "./llama-cache.ts";
import { LlamaTokenizer } from "./llama-tokenizer.ts";
import { type GpuOption, sharedRuntime } from "./runtime.ts";
import { SharedPrefixes } from "./shared-prefix.ts";
import type { Turns } from "../turns.ts";
import { Waves } from "./waves.ts";

export interface LlamaEngineOptions {
  /** Name of the model in results. Default `gguf:PATH`. */
  readonly name?: string;
  /** Sequences that can be open at once. Each reserves memory for its whole context. Default 4, or 1 for a large model. */
  readonly sequences?: number;
  /** Tokens that one sequence holds. Default: the context that the model was made for, at most `longestContext`. */
  readonly contextSize?: number;
  /** Limit of the default `contextSize`: what the work needs. Each sequence reserves a cache of that size. Default 8192. */
  readonly longestContext?: number;
  /** Tokens read in one call. Default 512. */
  readonly batchSize?: number;
  /** Threads. Default: all cores, or 1 for a tiny model, which more threads would slow down. */
  readonly threads?: number;
  /** Whether to use a GPU. Default false: the CPU. */
  readonly gpu?: GpuOption;
  /**
   * Whether to keep the cache in F32 and to compute attention plainly. Log-probabilities then agree with a float32 forward pass to 1e-5
   * (F16: 2e-3). The cache takes twice the memory, and many sequences decode a third more slowly. Default: true for models of up to half a
   * billion parameters whose weights are not quantised. The rounding of quantised weights is far larger than that of the cache.
   */
  readonly exact?: boolean;
  /** A LoRA adapter in llama.cpp's format, put on the model. It is checked against the model first. */
  readonly lora?: string;
  /**
   * Whether sequences read filler along, so that all that decode share few passes (passes.ts). Default: true except for tiny models, whose
   * passes cost less than that. Never for recurrent models.
   */
  readonly fillGaps?: boolean;
  /** Shared by the models of a job with many sequences, so that they compute by turns. Used where `threads` is above 1. */
  readonly turns?: Turns;
  /** Whether to use faster, undocumented parts of the library if it has them. Default true. The results are the same. */
  readonly native?: boolean;
}

const LARGE_MODEL_PARAMETERS = 500_000_000;
const TINY_MODEL_PARAMETERS = 30_000_000;
const DEFAULT_CONTEXT = 8192;
const DEFAULT_BATCH = 512;
/** Spare cells: one for the library, the others for text that shared a token with a stop text and is written again. */
const SPARE_CELLS = 64;
/** Files up to this size are read into memory and their weights checked. That is cheap, and the file may be replaced afterwards. */
const SMALL_FILE_BYTES = 64 * 1024 * 1024;

export class LlamaEngine extends TokenEngine<LlamaBackend> {
  /**
   * Checks and loads a file.
   * @throws DataError if the file is missing or broken, EngineError if llama.cpp cannot load it or memory is too small.
   */
  static async load(
    path: string,
    options: LlamaEngineOptions = {},
    signal?: AbortSignal,
  ): Promise<LlamaEngine> {
    const name = modelId(options.name ?? `gguf:${path}`);
    throwIfAborted(name, signal);
    const summary = checkGguf(path);
    if (options.lora !== undefined) checkAdapter(options.lora, path);
    const runtime = await sharedRuntime(options.gpu ?? false);
    const complaints = runtime.listen();
    let model: LlamaModel | undefined;
    try {
      const isSmall = summary.fileBytes <= SMALL_FILE_BYTES;
      model = await runtime.llama.loadModel({
        modelPath: path,
        ...(options.gpu === "auto" ? {} : { gpuLayers: 0 }),
        ...(isSmall ? { useMmap: false, checkTensors: true } : {}),
        ...(signal === undefined ? {} : { loadSignal: signal }),
      });
      const shared = await createShared(name, model, summary, options);
      return new LlamaEngine(name, summary, model, shared, options.sequences ?? defaultSequences(summary));
    } catch (error) {
      await model?.dispose();
      throwIfAborted(name, signal);
      if (error instanceof SplitReasonError) throw error;
      const reasons = complaints();
      throw new EngineError(
        `${name}: llama.cpp cannot load ${path}: ${errorMessage(error)}${reasons === "" ? "" : ` (${reasons})`}`,
        { code: "engine-failed", cause: error },
      );
    }
  }

  readonly #activity: Activity;

  private constructor(
    name: ModelId,
    summary: GgufSummary,
    model: LlamaModel,
    created: { readonly shared: LlamaShared; readonly contextSize: number },
    sequences: number,
  ) {
    const { shared, contextSize } = created;
    super({
      model: name,
      tokenizer: new LlamaTokenizer(model, summary),
      capabilities: {
        scores: "every-position",
        prefill: true,
        tokenIds: true,
        logitBias: true,
        drafts: shared.native,
        contextSize,
      },
      chatTemplate: summary.tokenizer.chatTemplate,
      slots: sequences,
      createBackend: () => new LlamaBackend(shared),
      release: async () => {
        await shared.context.dispose();
        await model.dispose();
      },
    });
    this.#activity = shared.activity;
  }

  activity(): number {
    return this.#activity.count;
  }
}

const defaultSequences = (summary: GgufSummary): number =>
  summary.parameters > LARGE_MODEL_PARAMETERS ? 1 : 4;

const isTiny = ({ parameters }: GgufSummary): boolean => parameters < TINY_MODEL_PARAMETERS;

/** Whether a weight takes less than two bytes on average. */
const isQuantised = ({ fileBytes, parameters }: GgufSummary): boolean => fileBytes < 1.9 * parameters;

async function createShared(
  name: ModelId,
  model: LlamaModel,
  summary: GgufSummary,
  options: LlamaEngineOptions,
): Promise<{ readonly shared: LlamaShared; readonly contextSize: number }> {
  const sequences = positive("sequences", options.sequences ?? defaultSequences(summary));
  const contextSize = positive(
    "contextSize",
    options.contextSize ?? Math.min(summary.contextLength, options.longestContext ?? DEFAULT_CONTEXT),
  );
  const batchSize = positive("batchSize", options.batchSize ?? DEFAULT_BATCH);
  const threads = positive("threads", options.threads ?? (isTiny(summary) ? 1 : availableParallelism()));
  const exact = options.exact ?? (summary.parameters <= LARGE_MODEL_PARAMETERS && !isQuantised(summary));
  // The state of a recurrent layer cannot forget filler.
  const { isHybrid, isRecurrent } = model.fileInsights;
  const fillGaps = (options.fillGaps ?? !isTiny(summary)) && !isHybrid && !isRecurrent;
  const waves = new Waves(threads > 1 ? options.turns : undefined);
  const order = new BatchOrder();
  const activity: Activity = { count: 0 };
  const context: LlamaContext = await model.createContext({
    contextSize: contextSize + SPARE_CELLS,
    sequences,
    batchSize,
    threads,
    // Truncation is exact only if nothing was discarded.
    swaFullCache: true,
    failedCreationRemedy: false,
    batching: {
      // The calls of a wave reach the library's queue one after the other, without waiting for anything else.
      dispatchSchedule: (dispatch) => {
        if (waves.size <= 1) return dispatch();
        setImmediate(() => {
          if (fillGaps) order.fill();
          dispatch();
        });
      },
      itemPrioritizationStrategy: (batch) => {
        activity.count++;
        return order.choose(batch);
      },
    },
    ...(options.lora === undefined ? {} : { lora: options.lora }),
    ...(exact
      ? { flashAttention: false, experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32" }
      : { flashAttention: true }),
  });
  if (options.native ?? true) order.attach(context);
  if (context.contextSize < contextSize + 1) {
    await context.dispose();
    throw new EngineError(
      `${name}: a context of ${contextSize} tokens was asked for, llama.cpp gave ${context.contextSize}.`,
      { code: "engine-failed" },
    );
  }
  const shared: LlamaShared = {
    model: name,
    context,
    vocabularySize: summary.tokenizer.tokens.length,
    batchSize,
    native: options.native ?? true,
    waves,
    prefixes: new SharedPrefixes(name),
    activity,
  };
  return { shared, contextSize };
}

function positive(option: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new EngineError(`the option ${option} is ${value}; a whole number from 1 on is possible.`, {
    code: "usage",
  });
}
