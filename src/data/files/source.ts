/** A source of rows as people write it: a file, a folder, or a data set on the Hugging Face hub. */
import { given } from "../../core/given.ts";
import { ConfigError } from "../../core/errors.ts";

export type RowFormat = "jsonl" | "parquet";

export type RowSource =
  | { readonly kind: "file"; readonly path: string; readonly format: RowFormat }
  | { readonly kind: "folder"; readonly path: string }
  | HubSource;

export interface HubSource {
  readonly kind: "hub";
  /** `owner/name`. */
  readonly repo: string;
  /** A branch, tag or commit; the hub's default is `main`. */
  readonly revision?: string;
  readonly config?: string;
  readonly split?: string;
}

const HUB = /^hf:([\w.-]+\/[\w.-]+)(?:@([\w.-]+))?(?:\/([\w.-]+))?(?::([\w.-]+))?$/u;

/** Format of a file by its name; undefined for any other name. */
export function formatOf(path: string): RowFormat | undefined {
  if (/\.(?:jsonl|ndjson)$/iu.test(path)) return "jsonl";
  return /\.parquet$/iu.test(path) ? "parquet" : undefined;
}

/**
 * Parses `FILE.jsonl`, `FILE.parquet`, a folder (any other name), or `hf:OWNER/NAME[@REVISION][/CONFIG][:SPLIT]`.
 * @throws ConfigError when it starts with `hf:` and the rest is malformed.
 */
export function parseSource(text: string): RowSource {
  if (!text.startsWith("hf:")) {
    const format = formatOf(text);
    return format === undefined ? { kind: "folder", path: text } : { kind: "file", path: text, format };
  }
  const [, repo, revision, config, split] = HUB.exec(text) ?? [];
  if (repo === undefined) {
    throw new ConfigError(
      `"${text}" names no data set: write hf:OWNER/NAME, then /CONFIG and :SPLIT where it has several, e.g. hf:open-r1/OpenR1-Math-220k/default:train.`,
      { code: "usage" },
    );
  }
  return {
    kind: "hub",
    repo,
    ...given({ revision, config, split }),
  };
}
