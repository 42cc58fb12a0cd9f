/** Settings of a LoRA run (Hu et al. 2021): which matrices of the frozen base get an adapter, and how large it is. */
import { z } from "zod";

/** The matrices of a layer that can be adapted, as Hugging Face and PEFT name them. */
const LORA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] as const;
export type LoraTarget = (typeof LORA_TARGETS)[number];

/** Files that a run can end with. */
const LORA_EXPORTS = ["peft", "gguf", "merged"] as const;

export const loraConfigSchema = z.strictObject({
  /** r: columns of B and rows of A. */
  rank: z.int().positive().max(1024).default(16),
  /** The product B A is multiplied by alpha / rank. */
  alpha: z.number().positive().default(32),
  /** `all-linear`: every matrix of every layer; or a list of names. */
  targets: z
    .union([z.literal("all-linear"), z.array(z.enum(LORA_TARGETS)).nonempty()])
    .default("all-linear")
    .transform((targets) =>
      targets === "all-linear" ? [...LORA_TARGETS] : LORA_TARGETS.filter((one) => targets.includes(one)),
    ),
  /** An adapter to continue from: a PEFT folder of the same base, rank and targets. Default: a new one, which changes nothing. */
  start: z.string().min(1).optional(),
  /** `peft`: PEFT's folder; `gguf`: llama.cpp's adapter; `merged`: the whole model (Hugging Face folder, GGUF in F16 and Q8_0). */
  exports: z.array(z.enum(LORA_EXPORTS)).nonempty().default(["peft", "gguf"]),
});

export type LoraConfig = z.output<typeof loraConfigSchema>;

/** The part of the settings that must be equal to continue a run. */
export const loraIdentity = (lora: LoraConfig | undefined): unknown =>
  lora === undefined ? undefined : { ...lora, exports: undefined };
