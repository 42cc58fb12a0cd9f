/** Finds the files of a split: by the data set's card or, where the card says nothing, by the names of the files. */
import { parse } from "yaml";
import { z } from "zod";

import { DataError } from "../../core/errors.ts";
import { formatOf } from "../files/source.ts";

const patternsSchema = z.union([z.string(), z.array(z.string())]);
const dataFilesSchema = z.union([
  patternsSchema,
  z.array(z.object({ split: z.string(), path: patternsSchema })),
]);
const headerSchema = z.object({
  configs: z
    .array(
      z.object({
        config_name: z.string(),
        data_files: dataFilesSchema.optional(),
        data_dir: z.string().optional(),
        default: z.boolean().optional(),
      }),
    )
    .optional(),
});

type Config = NonNullable<z.output<typeof headerSchema>["configs"]>[number];

/**
 * Paths of the wanted split, in order. The default configuration is the one that the card marks so, the one called `default`,
 * or the only one. The default split is `train` or the only one.
 * @throws DataError that lists the choices when the wanted one is missing, or there are several and none was named.
 */
export function splitFiles(
  paths: readonly string[],
  card: string,
  wanted: { readonly config?: string; readonly split?: string },
  name: string,
): string[] {
  const configs = configsOf(card);
  const found = configs.length > 0 ? byCard(paths, configs, wanted, name) : byNames(paths, wanted, name);
  if (found.length > 0) return found;
  const where = [wanted.config, wanted.split].filter((part) => part !== undefined).join(":");
  throw new DataError(
    `${name}${where === "" ? "" : ` (${where})`} has no .parquet and no .jsonl files; other formats are not read.`,
    { code: "file-missing" },
  );
}

function configsOf(card: string): readonly Config[] {
  const header = /^---\r?\n([\s\S]*?)\r?\n---\s*(?:\r?\n|$)/u.exec(card)?.[1];
  if (header === undefined) return [];
  try {
    return headerSchema.parse(parse(header, { maxAliasCount: 100 })).configs ?? [];
  } catch {
    // A card is mostly prose: one that cannot be parsed names no files.
    return [];
  }
}

function byCard(
  paths: readonly string[],
  configs: readonly Config[],
  wanted: { readonly config?: string; readonly split?: string },
  name: string,
): string[] {
  const config = pick(
    configs,
    (each) => each.config_name,
    wanted.config,
    configs.find((each) => each.default === true)?.config_name ?? "default",
    `configuration of ${name}`,
    "/",
  );
  const splits = splitsOf(config);
  const split = pick(
    splits,
    (each) => each.split,
    wanted.split,
    "train",
    `split of ${name}/${config.config_name}`,
    ":",
  );
  const prefix = config.data_dir === undefined ? "" : `${config.data_dir.replace(/\/+$/u, "")}/`;
  const tests = split.patterns.map((pattern) => globTest(prefix + pattern));
  return paths.filter((path) => formatOf(path) !== undefined && tests.some((test) => test(path)));
}

function splitsOf({ data_files: files }: Config): { split: string; patterns: string[] }[] {
  const list = (patterns: string | readonly string[]): string[] =>
    typeof patterns === "string" ? [patterns] : [...patterns];
  if (files === undefined) return [{ split: "train", patterns: ["**"] }];
  if (typeof files === "string") return [{ split: "train", patterns: [files] }];
  const named = files.flatMap((file) =>
    typeof file === "string" ? [] : [{ split: file.split, patterns: list(file.path) }],
  );
  if (named.length > 0) return named;
  return [{ split: "train", patterns: files.flatMap((file) => (typeof file === "string" ? [file] : [])) }];
}

/** Without a card, a configuration is a folder, and a file belongs to the split in its name or its folder's name. */
function byNames(
  paths: readonly string[],
  { config, split }: { readonly config?: string; readonly split?: string },
  name: string,
): string[] {
  const data = paths.filter((path) => formatOf(path) !== undefined);
  const inFolder =
    config === undefined
      ? data
      : data.filter((path) => path.startsWith(`${config}/`) || path.includes(`/${config}/`));
  if (inFolder.length === 0 && data.length > 0) {
    throw new DataError(
      `${name} has no folder ${config ?? ""} with data and its card names no configurations.`,
      {
        code: "file-missing",
      },
    );
  }
  if (split !== undefined) return inFolder.filter((path) => saysSplit(path, split));
  const train = inFolder.filter((path) => saysSplit(path, "train"));
  return train.length > 0 ? train : inFolder;
}

const saysSplit = (path: string, split: string): boolean =>
  path.split(/[/._-]/u).some((part) => part === split);

function pick<Item>(
  items: readonly Item[],
  nameOf: (item: Item) => string,
  wanted: string | undefined,
  usual: string,
  what: string,
  sign: string,
): Item {
  const names = items.map(nameOf);
  const [only] = items;
  const chosen =
    items.find((item) => nameOf(item) === (wanted ?? usual)) ??
    (wanted === undefined && items.length === 1 ? only : undefined);
  if (chosen !== undefined) return chosen;
  const list = names.map((each) => `${sign}${each}`).join(", ");
  throw new DataError(
    wanted === undefined ? `name a ${what}: ${list}.` : `no ${what} is called ${wanted}; there are ${list}.`,
    { code: "file-missing" },
  );
}

/** Compiles a glob: `*` matches anything within a folder, `**` anything, `?` one character. */
function globTest(pattern: string): (path: string) => boolean {
  const source = pattern
    .replace(/^\.\//u, "")
    .split(/(\*\*\/?|\*|\?)/u)
    .map((part) => {
      if (part === "**" || part === "**/") return ".*";
      if (part === "*") return "[^/]*";
      return part === "?" ? "[^/]" : part.replace(/[\\^$.*+?()[\]{}|]/gu, "\\$&");
    })
    .join("");
  const expression = new RegExp(`^${source}$`, "u");
  return (path) => expression.test(path);
}
