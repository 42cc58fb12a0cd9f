/** `--trainer embedded`: training in this process, on the CPU. Only the registry calls this. */
import { digestOfBytes } from "../../../core/digest.ts";
import { given } from "../../../core/given.ts";
import type { LoraConfig } from "../../model/lora-config.ts";
import { exportedTokenizer, type StartingModel, trainableTokenizer } from "../../starting-model.ts";
import type { Trainer } from "../../trainer.ts";
import type { TrainerKind, TrainerOptions } from "../../trainer-kind.ts";

export const embedded: TrainerKind = {
  name: "embedded",
  usage: "embedded",
  parse: (parameters, refuse) =>
    parameters === undefined ? { maxRestarts: 0, readModel, open } : refuse("it takes no parameters"),
};

async function readModel(folder: string): Promise<StartingModel> {
  const { importHuggingFace } = await import("../../export/index.ts");
  const { config, weights, tokenizer } = await importHuggingFace(folder);
  const bytes = [...weights.values()].map(
    ({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );
  return {
    ...trainableTokenizer(tokenizer, folder),
    maxPositions: config.maxPositions,
    config,
    weights,
    identity: digestOfBytes(bytes),
  };
}

async function open(model: StartingModel, options: TrainerOptions): Promise<Trainer> {
  const { config, weights } = model;
  if (config === undefined) throw new TypeError("the embedded trainer needs the model's shape");
  if (options.lora !== undefined && weights !== undefined)
    return openLora({ ...model, config, weights }, options.lora, options);
  const { EmbeddedTrainer } = await import("./embedded-trainer.ts");
  const { modelOutlets } = await import("../../export/index.ts");
  const { seed, threads, rowLength, chatTemplate } = options;
  return EmbeddedTrainer.create({
    config,
    ...(weights === undefined ? { seed } : { weights }),
    threads,
    rowLength,
    ...modelOutlets(exportedTokenizer(model, chatTemplate), options),
  });
}

async function openLora(
  model: StartingModel & Required<Pick<StartingModel, "config" | "weights">>,
  lora: LoraConfig,
  { seed, threads, rowLength, chatTemplate, name, concurrency }: TrainerOptions,
): Promise<Trainer> {
  const { config, weights } = model;
  const { LoraTrainer } = await import("./lora-trainer.ts");
  const { adapterOutlets, fingerprintOf, importPeft } = await import("../../export/index.ts");
  const base = fingerprintOf(config, weights);
  const outlets = adapterOutlets(
    { ...model, config, weights, tokenizer: exportedTokenizer(model, chatTemplate) },
    { name, rowLength, exports: lora.exports, ...given({ concurrency }) },
  );
  return new LoraTrainer({
    config,
    weights,
    adapter: lora,
    base,
    start: lora.start === undefined ? { seed } : await importPeft(lora.start, config, lora, base),
    threads,
    rowLength,
    ...outlets,
  });
}
