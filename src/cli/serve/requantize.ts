/** `splitreason requantize`: writes a GGUF model again with other weight types. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";

import { type Command, Option } from "commander";

import { ConfigError } from "../../core/errors.ts";
import { fileSize } from "../../core/figures.ts";
import { WRITABLE_ENCODINGS, type WritableEncoding } from "../../formats/gguf/quantization/quantize.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { filledText, jsonFlag } from "../support/flags.ts";
import { Progress } from "../support/progress.ts";
import type { Terminal } from "../support/terminal.ts";

interface RequantizeFlags {
  readonly weights: WritableEncoding;
  readonly embedding?: WritableEncoding;
  readonly out: string;
  readonly json?: boolean;
}

export function registerRequantize(program: Command, { terminal }: CommandContext): void {
  program
    .command("requantize")
    .summary("write a GGUF model again with other weight types")
    .description(
      "Dequantise every matrix of a GGUF model and quantise it again. The type decides the speed on a processor: llama.cpp has batched kernels for " +
        "some types only (Q4_0 and Q8_0 have them, Q5_0 has none). Quantising twice costs some accuracy: evaluate the result before you use it.",
    )
    .argument("<file>", "the model: a GGUF file in one part", filledText)
    .addOption(
      new Option("--weights <type>", "the type of the matrices").choices(WRITABLE_ENCODINGS).default("Q4_0"),
    )
    .addOption(
      new Option(
        "--embedding <type>",
        "the type of the token embedding and the output matrix (default: as the others)",
      ).choices(WRITABLE_ENCODINGS),
    )
    .requiredOption("--out <file>", "the new file", filledText)
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action((file: string, flags: RequantizeFlags) => requantize(terminal, file, flags));
}

async function requantize(terminal: Terminal, file: string, flags: RequantizeFlags): Promise<void> {
  const { weights, embedding = weights, out, json } = flags;
  if (resolve(file) === resolve(out)) {
    throw new ConfigError(`--out ${out} is the model itself: name another file.`, { code: "usage" });
  }
  const { requantizeGguf } = await import("../../formats/gguf/requantize.ts");
  const progress = new Progress(terminal, "tensors");
  try {
    await requantizeGguf(file, out, {
      weights,
      embedding,
      signal: terminal.signal,
      onTensor: (done, total) => progress.update(done, total),
    });
  } finally {
    progress.end();
  }
  const [before, after] = await Promise.all([stat(file), stat(out)]);
  const document = { file, out, weights, embedding, bytes: { before: before.size, after: after.size } };
  printResult(
    terminal,
    { json },
    document,
    () => `${out}: ${fileSize(after.size)} (${file}: ${fileSize(before.size)})\n`,
  );
}

const HELP = `
Example:
  splitreason requantize qwen2.5-coder-0.5b-instruct-q4_k_m.gguf --weights Q4_0 --embedding Q8_0 --out small-q4_0.gguf
`;
