/** Parses engine specs, by which flags, configuration files and the API name a model. `open-engine.ts` opens them. */
import { ConfigError } from "../../core/errors.ts";
import { DIALECTS, type HttpEngineSpec, parseHttpSpec } from "../http/http-spec.ts";

export type EngineSpec =
  | EmbeddedSpec
  /** A model on a server, see docs/engines.md. */
  | HttpEngineSpec;

/** A model in this process. `lora` is the path of an adapter that is put on it. */
export type EmbeddedSpec = { readonly lora?: string } & (
  | /** A model that ships with this package: `models/micro/NAME/model.gguf`. */ {
      readonly kind: "micro";
      readonly name: string;
    }
  | { readonly kind: "gguf"; readonly path: string }
  /** A GGUF on Hugging Face, downloaded if it is not on this machine yet. */
  | { readonly kind: "gguf-hf"; readonly repository: string; readonly quantization: string | undefined }
);

const ACCEPTED =
  "accepted are micro:NAME (micro:small, micro:big), gguf:PATH, gguf:hf:OWNER/REPO:QUANT (e.g. gguf:hf:bartowski/Qwen3-8B-GGUF:Q4_K_M), " +
  "each of them with ?lora=ADAPTER.gguf where an adapter is put on it, " +
  `and openai:http://HOST:PORT/v1#MODEL?dialect=${DIALECTS} (a model on a server)`;

/** @throws ConfigError that lists what is accepted. */
export function parseEngineSpec(text: string): EngineSpec {
  const separator = text.indexOf(":");
  const scheme = separator < 0 ? "" : text.slice(0, separator);
  const rest = text.slice(separator + 1);
  switch (scheme) {
    case "micro":
    case "gguf":
      return parseEmbedded(text, scheme, rest);
    case "openai":
      return parseHttpSpec(text, rest);
    default:
      throw invalid(text, scheme === "" ? "it names no scheme" : `${JSON.stringify(scheme)} is not a scheme`);
  }
}

const LORA = "?lora=";

function parseEmbedded(text: string, scheme: "micro" | "gguf", rest: string): EmbeddedSpec {
  const at = rest.indexOf(LORA);
  if (at >= 0) {
    const lora = rest.slice(at + LORA.length);
    if (lora === "") throw invalid(text, "the adapter's path is missing");
    return { ...parseEmbedded(text, scheme, rest.slice(0, at)), lora };
  }
  if (scheme === "gguf")
    return rest.startsWith("hf:") ? parseHuggingFace(text, rest.slice(3)) : parsePath(text, rest);
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(rest))
    throw invalid(text, `"${rest}" is not the name of a micro model`);
  return { kind: "micro", name: rest };
}

/**
 * A spec with the paths in it changed: of a model's file, and of its adapter. Other specs stay as they are. Files that name specs use it,
 * because paths in them are relative to the file.
 */
export function withSpecPaths(spec: string, change: (path: string) => string): string {
  const [, model = "", lora] = /^((?:micro|gguf):.*?)(?:\?lora=(.*))?$/u.exec(spec) ?? [];
  if (model === "") return spec;
  const path = /^gguf:(?!hf:)(.+)$/u.exec(model)?.[1];
  const moved = path === undefined ? model : `gguf:${change(path)}`;
  return lora === undefined || lora === "" ? moved : `${moved}${LORA}${change(lora)}`;
}

function parsePath(text: string, path: string): EmbeddedSpec {
  if (path === "") throw invalid(text, "the path is missing");
  return { kind: "gguf", path };
}

function parseHuggingFace(text: string, rest: string): EmbeddedSpec {
  const match = /^([\w.-]{1,96}\/[\w.-]{1,96})(?::([\w.-]{1,64}))?$/.exec(rest);
  const repository = match?.[1];
  if (repository === undefined) throw invalid(text, `"${rest}" is not OWNER/REPO:QUANT`);
  return { kind: "gguf-hf", repository, quantization: match?.[2] };
}

function invalid(text: string, what: string): ConfigError {
  return new ConfigError(`the engine spec ${JSON.stringify(text)} cannot be used: ${what}; ${ACCEPTED}.`, {
    code: "config-invalid",
  });
}
