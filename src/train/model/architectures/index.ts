/** The table of architectures. Configurations, imports, exports and error messages take the names from it. */
import type { Architecture } from "./architecture.ts";
import { llama } from "./llama.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";

const TABLE = [llama, qwen2, qwen3] as const;

export type ArchitectureName = (typeof TABLE)[number]["name"];
const ARCHITECTURES: readonly Architecture[] = TABLE;
export const ARCHITECTURE_NAMES: readonly ArchitectureName[] = TABLE.map(({ name }) => name);

export const isArchitectureName = (name: string): name is ArchitectureName =>
  ARCHITECTURES.some((one) => one.name === name);

export function architectureNamed(name: ArchitectureName): Architecture {
  const found = ARCHITECTURES.find((one) => one.name === name);
  if (found === undefined) throw new TypeError(`no architecture is named ${name}`);
  return found;
}
