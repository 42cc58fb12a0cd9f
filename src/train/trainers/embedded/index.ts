/** `--trainer embedded`: training in this process, on the CPU. Only the registry calls this. */
import { digestOfBytes } from "../../../core/digest.ts";
import { given } from "../../../core/given.ts";
import { ConfigError } from "../../../core/errors.ts";
import type { DecoderConfig } from "../../model/config.ts";
import type { LoraConfig } from "../../model/lora-config.ts";
import { exportedTokenizer, type StartingModel, trainableTokenizer } from "../../starting-model.ts";
import type { Trainer } from "../../trainer.ts";
import type { TrainerKind, TrainerOptions } from "../../trainer-kind.ts";
import { adaptedModelBytes } from "./adapter-memory.ts";
import { usualRows } from "./micro-batches.ts";

export const embedded: TrainerKind = {
  name: "embedded",
  usage: "embedded",
  parse: (parameters, refuse) =>
    parameters === undefined ? { maxRestarts: 0, readModel, open } : refuse("it takes no parameters"),
};

async function readModel(folder: string): Promise<StartingModel> {
  const { importGguf, importHuggingFace } = await import("../../export/index.ts");
  const { config, weights, tokenizer } = folder.endsWith(".gguf")
    ? importGguf(folder)
    : await importHuggingFace(folder);
  const bytes = [...weights.values()].map(
    ({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );
  return {
    ...trainableTokenizer(tokenizer, folder),
    source: folder,
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

/** @throws ConfigError when the trainer needs more memory than there is, beside the weights that are loaded already. */
function requireMemory(config: DecoderConfig, lora: LoraConfig, rowLength: number): void {
  const needed = adaptedModelBytes(config, lora, { rows: usualRows(rowLength), length: rowLength });
  const available = process.availableMemory();
  if (needed <= available) return;
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new ConfigError(
    `training this adapter takes about ${gigabytes(needed)} beside the model, and ${gigabytes(available)} are free: ` +
      `lower rowLength (now ${rowLength}) or lora.rank (now ${lora.rank}), or end other programs.`,
    { code: "config-invalid" },
  );
}

async function openLora(
  model: StartingModel & Required<Pick<StartingModel, "config" | "weights">>,
  lora: LoraConfig,
  { seed, threads, rowLength, chatTemplate, name, concurrency, turns }: TrainerOptions,
): Promise<Trainer> {
  const { config, weights } = model;
  const { LoraTrainer } = await import("./lora-trainer.ts");
  const { adapterOutlets, fingerprintOf, importPeft } = await import("../../export/index.ts");
  requireMemory(config, lora, rowLength);
  const base = fingerprintOf(config, weights);
  const outlets = adapterOutlets(
    { ...model, config, weights, tokenizer: exportedTokenizer(model, chatTemplate) },
    { name, rowLength, exports: lora.exports, threads, ...given({ concurrency, turns }) },
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
