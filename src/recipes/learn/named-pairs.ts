/** The pairs that `splitreason learn` knows by name: where their models are, how the files are had, and how the pair is used. */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { ConfigError, DataError } from "../../core/errors.ts";
import { unlessAborted } from "../../core/async.ts";
import { MICRO_PAIR, type PairConfig, pairConfigSchema } from "../../decode/pair/pair-config.ts";
import { localModelFile } from "../../engines/open/open-engine.ts";

/** A pair before its small model has learned to offload. */
export interface OpenedPair {
  readonly config: PairConfig;
  /** The small model as the trainer reads it. */
  readonly trainable: string;
}

export interface NamedPair {
  readonly name: string;
  /** One line for help texts. */
  readonly summary: string;
  /** The task that it learns by default. */
  readonly task: string;
  readonly files: readonly ModelFile[];
  /** @param folder Where the files are. */
  readonly describe: (folder: string) => OpenedPair;
}

interface ModelFile {
  readonly name: string;
  readonly bytes: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
  /** The command that makes it in a folder. */
  readonly madeBy: (folder: string) => string;
}

const assembled = (folder: string): string => `python3 test/real-pair/models.py qwen-coder ${folder}`;

/** Other weight types make the models faster: for most of the small one, as it comes, llama.cpp has no batched kernel. docs/log.md has the speeds. */
const requantised =
  (model: string) =>
  (folder: string): string =>
    `${assembled(folder)} && splitreason requantize ${join(folder, `${model}-q4_k_m.gguf`)} --weights Q4_0 --embedding Q8_0 ` +
    `--out ${join(folder, `${model}-q4_0.gguf`)}`;

const [QWEN_SMALL, QWEN_BIG] = ["qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-1.5b-instruct"] as const;

const NAMED_PAIRS: readonly NamedPair[] = [
  {
    name: "qwen-coder",
    summary: "Qwen2.5-Coder-0.5B-Instruct and -1.5B-Instruct (Apache-2.0), from PyPI by test/real-pair",
    task: "gsm8k",
    files: [
      {
        name: `${QWEN_SMALL}-q4_0.gguf`,
        bytes: 496_797_568,
        sha256: "b54857319f5fb5869f23cd257c5ec280d09865ea0414aab46762ad40e9a05b7b",
        madeBy: requantised(QWEN_SMALL),
      },
      {
        name: `${QWEN_BIG}-q4_0.gguf`,
        bytes: 1_239_434_304,
        sha256: "37131edd3caf78f1664c1c878fef0a478ae2ebea06d43c211b714bdabf1bc8e1",
        madeBy: requantised(QWEN_BIG),
      },
    ],
    describe: (folder) => {
      const small = join(folder, `${QWEN_SMALL}-q4_0.gguf`);
      return {
        trainable: small,
        config: pairConfigSchema.parse({
          small: `gguf:${small}`,
          big: `gguf:${join(folder, `${QWEN_BIG}-q4_0.gguf`)}`,
          // Control tokens that both models have and no chat uses. Others to spare, such as <|box_start|>, were never trained (docs/log.md).
          tags: { open: "<|fim_prefix|>", close: "<|fim_suffix|>" },
          sampling: { temperature: 0 },
          maxTokens: 512,
        }),
      };
    },
  },
  {
    name: "micro",
    summary: "the pair that ships with this package, before its small model was tuned",
    task: "micro",
    files: [],
    describe: () => {
      const { smallBase = MICRO_PAIR.small, ...config } = MICRO_PAIR;
      const file = localModelFile(smallBase) ?? "";
      return { config: { ...config, small: smallBase }, trainable: join(file, "..") };
    },
  },
];

/** One line for each pair, for help texts. */
export const PAIR_HELP: readonly (readonly [name: string, summary: string])[] = NAMED_PAIRS.map(
  ({ name, summary }) => [name, summary],
);

/** @throws ConfigError that lists the names known. */
export function namedPair(name: string): NamedPair {
  const pair = NAMED_PAIRS.find((known) => known.name === name);
  if (pair !== undefined) return pair;
  const names = NAMED_PAIRS.map((known) => known.name).join(", ");
  throw new ConfigError(`there is no pair ${JSON.stringify(name)} to learn with; there are ${names}.`, {
    code: "usage",
  });
}

/** The folder of a pair's files: in `SPLITREASON_CACHE`, by default `~/.cache/splitreason`. */
export const pairFolder = (
  { name }: Pick<NamedPair, "name">,
  environment: Readonly<Record<string, string | undefined>>,
): string => join(environment["SPLITREASON_CACHE"] ?? join(homedir(), ".cache", "splitreason"), name);

/**
 * Checks that all files are there and are those that the registry names. Reading gigabytes takes seconds.
 * @throws DataError that says which file is missing or another one, and the command that makes it.
 */
export async function requireFiles(pair: NamedPair, folder: string, signal: AbortSignal): Promise<void> {
  for (const { name, bytes, sha256, madeBy } of pair.files) {
    const path = join(folder, name);
    if (!existsSync(path)) {
      throw new DataError(
        `pair ${pair.name}: there is no file ${path}. In a checkout of this project, make it: ${madeBy(folder)}`,
        { code: "file-missing" },
      );
    }
    const size = statSync(path).size;
    const found = size === bytes ? await unlessAborted(sha256Of(path), signal, (by) => by) : undefined;
    if (found === sha256) continue;
    const what = found === undefined ? `it has ${size} bytes` : `its SHA-256 is ${found}`;
    const wanted = found === undefined ? `${bytes}` : sha256;
    throw new DataError(
      `pair ${pair.name}: ${path} is not the file that was measured: ${what}, and should be ${wanted}. Delete it and make it again: ${madeBy(folder)}`,
      { code: "file-invalid" },
    );
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
