/**
 * Model servers for tests: HTTP servers that speak as vLLM, SGLang, llama.cpp or any plain completions server do, over a model in this
 * process. They keep a prefix cache, sample by themselves, stop when the client leaves, count their work, keep a pace if told to,
 * and fail as told. Written from the servers' documentation and sources, not from our client. Not for production.
 */
import { CompletionsDialect } from "./dialects/completions.ts";
import { LlamacppDialect } from "./dialects/llamacpp.ts";
import { SglangDialect } from "./dialects/sglang.ts";
import type { Faults, Wire } from "./faults.ts";
import { HttpFront, type ServedRequest } from "./http.ts";
import type { Pace } from "./pace.ts";
import type { Dialect } from "./reply.ts";
import { scriptedServed, type ScriptedServedOptions } from "./scripted-served.ts";
import type { ServedModel } from "./served-model.ts";
import { Serving, type ServerWork } from "./serving.ts";
export { ggufServed } from "./gguf-served.ts";
export type { Pace } from "./pace.ts";
export { scriptedServed, type ScriptedServedOptions } from "./scripted-served.ts";
export type { ServerWork } from "./serving.ts";

export type DialectName = "vllm" | "sglang" | "llamacpp" | "openai";

export interface ModelServerOptions {
  readonly dialect: DialectName;
  /** A model ({@link scriptedServed}, {@link ggufServed}), closed with the server, or a script to make one from. */
  readonly model?: ServedModel;
  readonly script?: ScriptedServedOptions;
  /**
   * Whether special tokens are shown in texts: `openai`, where requests cannot say so (default false), and `llamacpp`, as with its flag
   * `--special` (default false).
   */
  readonly special?: boolean;
  /** `openai` only: whether it takes `logit_bias`, and gives `logprobs`. Default true. */
  readonly logitBias?: boolean;
  readonly logprobs?: boolean;
  /** Default: as fast as the model. */
  readonly pace?: Pace;
  /** Requests at once; others wait. Default 4 for `llamacpp`, otherwise 64, and never more than a GGUF has slots. */
  readonly slots?: number;
  readonly faults?: Faults;
  readonly wire?: Wire;
  /** Demanded as a bearer token, if set. */
  readonly apiKey?: string;
}

export interface ModelServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a path. */
  readonly url: string;
  /** Every request so far, in order of arrival. */
  readonly requests: readonly ServedRequest[];
  readonly work: ServerWork;
  /** Requests that hold a slot now: none when everything was cleaned up. */
  readonly busy: number;
  close(): Promise<void>;
}

export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const model = options.model ?? (options.script === undefined ? undefined : scriptedServed(options.script));
  if (model === undefined) throw new TypeError("startModelServer needs a model or a script");
  const serving = new Serving(model, {
    slots: options.slots ?? (options.dialect === "llamacpp" ? 4 : 64),
    sharesPrefixes: options.dialect !== "llamacpp",
    cacheBlock: options.dialect === "vllm" ? 16 : 1,
    ...(options.pace === undefined ? {} : { pace: options.pace }),
  });
  const front = new HttpFront({
    dialect: createDialect(serving, options),
    faults: options.faults ?? (() => undefined),
    wire: options.wire ?? {},
    ...(options.apiKey === undefined ? {} : { apiKey: options.apiKey }),
  });
  const url = await front.listen();
  const close = async (): Promise<void> => {
    await front.close();
    await model.close();
  };
  return {
    url,
    requests: front.requests,
    get work() {
      return serving.work;
    },
    get busy() {
      return serving.busy;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function createDialect(serving: Serving, options: ModelServerOptions): Dialect {
  const { dialect, special = false, logitBias = true, logprobs = true } = options;
  switch (dialect) {
    case "vllm":
    case "openai":
      return new CompletionsDialect(serving, { plain: dialect === "openai", special, logitBias, logprobs });
    case "sglang":
      return new SglangDialect(serving);
    case "llamacpp":
      return new LlamacppDialect(serving, special);
    default:
      return dialect satisfies never;
  }
}
