/** Names of runs in a report. */
import { ConfigError } from "../../core/errors.ts";

const MAX_NAME_UNITS = 60;

/**
 * Returns the given names, or else as many last parts of the folders' paths as make them different.
 * @throws ConfigError when a folder is given twice, or the names do not fit the folders.
 */
export function runNames(folders: readonly string[], given?: readonly string[]): string[] {
  if (given !== undefined) {
    if (given.length !== folders.length || new Set(given).size !== given.length) {
      throw new ConfigError(
        `--names ${given.join(",")} must be one name for each of the ${folders.length} runs, all different.`,
        { code: "usage" },
      );
    }
    return given.map((name) => name.slice(0, MAX_NAME_UNITS));
  }
  const parts = folders.map((folder) =>
    folder.split(/[\\/]+/u).filter((part) => part !== "" && part !== "."),
  );
  const longest = Math.max(...parts.map(({ length }) => length));
  for (let last = 1; last <= longest; last++) {
    const names = parts.map((path) => path.slice(-last).join("/").slice(-MAX_NAME_UNITS) || "run");
    if (new Set(names).size === names.length) return names;
  }
  throw new ConfigError(
    `the folders ${folders.join(", ")} have the same names: give each folder once, or name the runs with --names.`,
    { code: "usage" },
  );
}
