/**
 * A policy in one word, as it is typed: `entropy`, `entropy:threshold=1.2`, `cue:cues=wait/hmm:tokens=8`. Colons divide options, slashes
 * the parts of a list; `\n` is the end of a line. Pure: what the values mean is for the policy to say.
 */
import { ConfigError } from "../../core/errors.ts";

export interface PolicySpec {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
}

const MAX_LENGTH = 4_096;

/**
 * Divides a spec into its parts.
 * @param listOptionsOf The options of a policy whose values are lists.
 * @throws ConfigError on an option without a value, or given twice.
 */
export function splitPolicySpec(
  spec: string,
  listOptionsOf: (policy: string) => ReadonlySet<string>,
): PolicySpec {
  if (spec.length > MAX_LENGTH) {
    throw wrong(`policy "${spec.slice(0, 40)}...": ${spec.length} characters are more than ${MAX_LENGTH}.`);
  }
  const [name = "", ...parts] = spec.split(":");
  const lists = listOptionsOf(name.trim());
  const options = new Map<string, unknown>();
  for (const part of parts) {
    const at = part.indexOf("=");
    const key = part.slice(0, Math.max(at, 0)).trim();
    if (key === "") {
      throw wrong(`policy "${spec}": ${JSON.stringify(part)} is no option; write ${name}:OPTION=VALUE.`);
    }
    if (options.has(key)) throw wrong(`policy "${spec}": the option ${key} is given twice.`);
    options.set(key, parseValue(part.slice(at + 1), lists.has(key)));
  }
  return { name: name.trim(), options: Object.fromEntries(options) };
}

function parseValue(text: string, isList: boolean): unknown {
  const unescaped = (part: string): string => part.replaceAll("\\n", "\n");
  if (isList) return text.split("/").map(unescaped);
  const trimmed = text.trim();
  if (trimmed !== "" && Number.isFinite(Number(trimmed))) return Number(trimmed);
  return trimmed === "true" ? true : trimmed === "false" ? false : unescaped(text);
}

const wrong = (message: string): ConfigError => new ConfigError(message, { code: "config-invalid" });
