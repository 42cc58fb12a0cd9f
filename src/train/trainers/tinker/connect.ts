/** Connects to a trainer server: makes the transport, and chooses who samples the policy model. The trainer itself is `tinker-trainer.ts`. */
import { createRng } from "../../../core/rng.ts";
import { readKey } from "../../../engines/http/transport/credentials.ts";
import type { ByteLevelTokenizer } from "../../../tokenizer/index.ts";
import type { Exporter, SamplerFactory } from "../../export/index.ts";
import { BACKEND_FACTS } from "./backends.ts";
import type { OutageNews } from "./outage.ts";
import { samplingEngine } from "./sampler/sampling-engine.ts";
import { servedSampler } from "./served-sampler.ts";
import type { TinkerSpec } from "./spec.ts";
import { type PolicyAccess, TinkerTrainer } from "./tinker-trainer.ts";
import { TinkerTransport } from "./transport.ts";
import { type BaseModel, localSampler, publishedExporter } from "./weights.ts";

export interface TinkerOptions {
  readonly spec: TinkerSpec;
  /** Seed of the adapters' initial values. */
  readonly seed: number;
  readonly tokenizer: ByteLevelTokenizer;
  /** Tokens of a rollout's context, unless the spec says otherwise. */
  readonly contextSize: number;
  readonly base: BaseModel;
  readonly exporter?: Exporter;
  /** Opens the policy model in this process, for `sampler=local`. */
  readonly localSampler?: SamplerFactory;
  readonly onOutage?: (news: OutageNews) => void;
  readonly signal?: AbortSignal;
}

export async function connectTinker(options: TinkerOptions): Promise<TinkerTrainer> {
  const { spec, seed, exporter, onOutage, signal } = options;
  const transport = new TinkerTransport({
    url: spec.url,
    key: await readKey({ keyEnv: spec.keyEnv, keyFile: undefined }),
    patienceMs: spec.patienceMs,
    // It decides only how long pauses are.
    rng: createRng(process.pid),
    ...(onOutage === undefined ? {} : { onOutage }),
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    return await TinkerTrainer.connect({
      transport,
      backend: spec.backend,
      model: { base: spec.base, rank: spec.rank, seed },
      sampler: (policy) => samplePolicy(policy, options),
      ...(exporter === undefined ? {} : { exporter: publishedExporter(options.base, exporter) }),
    });
  } catch (error) {
    await transport.close();
    throw error;
  }
}

async function samplePolicy(policy: PolicyAccess, options: TinkerOptions) {
  const { spec, tokenizer } = options;
  const contextSize = spec.contextSize ?? options.contextSize;
  switch (spec.sampler) {
    case "server":
      return samplingEngine({
        name: `tinker:${spec.url}`,
        source: await policy.openSource(),
        tokenizer,
        contextSize,
      });
    case "local": {
      const published = await policy.publish();
      try {
        return await localSampler(options.base, options.localSampler ?? missingLocal)(published);
      } finally {
        await published.release();
      }
    }
    default:
      return servedSampler(policy, {
        spec: spec.sampler,
        adapters: spec.adapters,
        contextSize,
        rank: spec.rank,
        servedAs: BACKEND_FACTS[spec.backend].servedAs,
      });
  }
}

const missingLocal: SamplerFactory = () =>
  Promise.reject(new TypeError("sampler=local was not made possible here"));
