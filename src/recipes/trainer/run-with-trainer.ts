/** A run and its trainer: which one it is, and what happens when a trainer server loses the model in the middle. */
import { errorMessage, SplitReasonError, TrainError } from "../../core/errors.ts";
import type { ByteLevelTokenizer } from "../../tokenizer/index.ts";
import type { ModelTokenizer } from "../../train/export/index.ts";
import { modelExporter } from "../../train/export/index.ts";
import type { Trainer } from "../../train/trainer.ts";
import type { SamplerFactory } from "../../train/trainers/embedded.ts";
import { connectTinker, type OutageNews, type TinkerTrainerSpec } from "../../train/trainers/tinker.ts";
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
      ...(onNotice === undefined ? {} : { onOutage: (news) => onNotice(outageText(spec, news)) }),
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

function outageText({ url }: TinkerTrainerSpec, news: OutageNews): string {
  const seconds = Math.round(news.awayMs / 1000);
  if (news.type === "back") return `the trainer server at ${url} answers again, after ${seconds} s.`;
  return (
    `the trainer server at ${url} is away for ${seconds} s (${news.reason}); asking again, ` +
    `for ${Math.round(news.patienceMs / 1000)} s at most.`
  );
}
