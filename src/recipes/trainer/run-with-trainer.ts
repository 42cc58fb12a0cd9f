/** A run and its trainer: which one it is, and what happens when a trainer server loses the model in the middle. */
import { errorMessage, SplitReasonError, TrainError } from "../../core/errors.ts";
import type { ByteLevelTokenizer } from "../../tokenizer/index.ts";
import type { ModelTokenizer } from "../../train/export/index.ts";
import { modelExporter } from "../../train/export/index.ts";
import type { Trainer } from "../../train/trainer.ts";
import type { SamplerFactory } from "../../train/trainers/embedded/embedded-trainer.ts";
import { connectTinker, type OutageNews, type TinkerTrainerSpec } from "../../train/trainers/tinker/index.ts";
import type { ImportedModel } from "../../train/export/index.ts";

export interface ServerTrainerOptions {
  readonly spec: TinkerTrainerSpec;
  readonly seed: number;
  readonly tokenizer: ByteLevelTokenizer;
  readonly modelTokenizer: ModelTokenizer;
  readonly contextSize: number;
  readonly imported: ImportedModel | undefined;
  readonly name: string;
  readonly localSampler?: SamplerFactory;
  readonly onNotice?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** A server that loses its model more often than this is not in order. */
const MOST_LOSSES = 10;

/**
 * Runs on a trainer server. When it was started anew in the middle, the run is begun again with a new model: its folder makes it go on from the last
 * checkpoint.
 */
export async function runOnServer<Outcome>(
  options: ServerTrainerOptions,
  run: (trainer: Trainer) => Promise<Outcome>,
): Promise<Outcome> {
  const { spec, onNotice, imported, localSampler, signal } = options;
  for (let losses = 0; ; losses++) {
    const trainer = await connectTinker({
      spec,
      seed: options.seed,
      tokenizer: options.tokenizer,
      contextSize: options.contextSize,
      baseModel: () => Promise.resolve(imported),
      exporter: modelExporter(options.modelTokenizer, options.name),
      ...(localSampler === undefined ? {} : { localSampler }),
      ...(onNotice === undefined ? {} : { onOutage: (news) => onNotice(newsText(spec, news)) }),
      ...(signal === undefined ? {} : { signal }),
    });
    try {
      return await run(trainer);
    } catch (error) {
      const lost = error instanceof TrainError && error.code === "trainer-lost" ? error : trainer.lost;
      if (lost === undefined || losses >= MOST_LOSSES || isStopped(error)) throw error;
      onNotice?.(errorMessage(lost));
    } finally {
      await trainer.close();
    }
  }
}

const isStopped = (error: unknown): boolean => error instanceof SplitReasonError && error.code === "aborted";

function newsText({ url }: TinkerTrainerSpec, news: OutageNews): string {
  const server = `the trainer server at ${url}`;
  const seconds = (milliseconds: number): string => `${Math.round(milliseconds / 1000)} s`;
  switch (news.type) {
    case "back":
      return `${server} answers again, after ${seconds(news.awayMs)}.`;
    case "at-work":
      return `${server} is still at work for ${seconds(news.forMs)} on ${news.what}.`;
    case "away":
      return news.isFirst
        ? `${server} is away (${news.reason}). It is waited for, for ${seconds(news.patienceMs)} at most: patience=SECONDS in --trainer changes that, Ctrl-C ends it.`
        : `${server} is still away, for ${seconds(news.awayMs)} of ${seconds(news.patienceMs)} (${news.reason}).`;
    default:
      return news satisfies never;
  }
}
