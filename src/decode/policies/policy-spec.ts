/**
 * A policy in one word, as it is typed: `entropy`, `entropy:threshold=1.2`, `cue:cues=wait/hmm:tokens=8`. Options are divided by
 * colons, the parts of a list by slashes; `\n` is a line's end. Pure: what the values mean is for the policy to say.
 */
import { ConfigError } from "../../core/errors.ts";

export interface PolicySpec {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Options whose value is a list, also where it has one part only. */
const LISTS: ReadonlySet<string> = new Set(["cues"]);
const LONGEST = 4_096;

/** @throws ConfigError on an option without a value, or given twice. */
export function parsePolicySpec(spec: string): PolicySpec {
  if (spec.length > LONGEST) {
    throw wrong(`policy "${spec.slice(0, 40)}...": ${spec.length} characters are more than ${LONGEST}.`);
  }
  const [name = "", ...parts] = spec.split(":");
  const options = new Map<string, unknown>();
  for (const part of parts) {
    const at = part.indexOf("=");
    const key = part.slice(0, Math.max(at, 0)).trim();
    if (key === "") {
      throw wrong(`policy "${spec}": ${JSON.stringify(part)} is no option; write ${name}:OPTION=VALUE.`);
    }
    if (options.has(key)) throw wrong(`policy "${spec}": the option ${key} is given twice.`);
    options.set(key, parseValue(key, part.slice(at + 1)));
  }
  return { name: name.trim(), options: Object.fromEntries(options) };
}

function parseValue(key: string, text: string): unknown {
  const unescaped = (part: string): string => part.replaceAll("\\n", "\n");
  if (LISTS.has(key)) return text.split("/").map(unescaped);
  const trimmed = text.trim();
  if (trimmed !== "" && Number.isFinite(Number(trimmed))) return Number(trimmed);
  return trimmed === "true" ? true : trimmed === "false" ? false : unescaped(text);
}

const wrong = (message: string): ConfigError => new ConfigError(message, { code: "config-invalid" });
