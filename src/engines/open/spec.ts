/** Parses engine specs, by which flags, configuration files and the API name a model. `open-engine.ts` opens them. */
import { ConfigError } from "../../core/errors.ts";
import { DIALECTS, type HttpEngineSpec, parseHttpSpec } from "../http/http-spec.ts";

export type EngineSpec =
  /** A model that ships with this package: `models/micro/NAME/model.gguf`. */
  | { readonly kind: "micro"; readonly name: string }
  | { readonly kind: "gguf"; readonly path: string }
  /** A GGUF on Hugging Face, downloaded if it is not on this machine yet. */
  | { readonly kind: "gguf-hf"; readonly repository: string; readonly quantization: string | undefined }
  /** A model on a server, see docs/engines.md. */
  | HttpEngineSpec;

const ACCEPTED =
  "accepted are micro:NAME (micro:small, micro:big), gguf:PATH, gguf:hf:OWNER/REPO:QUANT (e.g. gguf:hf:bartowski/Qwen3-8B-GGUF:Q4_K_M), " +
  `and openai:http://HOST:PORT/v1#MODEL?dialect=${DIALECTS} (a model on a server)`;

/** @throws ConfigError that lists what is accepted. */
export function parseEngineSpec(text: string): EngineSpec {
  const separator = text.indexOf(":");
  const scheme = separator < 0 ? "" : text.slice(0, separator);
  const rest = text.slice(separator + 1);
  switch (scheme) {
    case "micro":
      if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(rest))
        throw invalid(text, `"${rest}" is not the name of a micro model`);
      return { kind: "micro", name: rest };
    case "gguf":
      return rest.startsWith("hf:") ? parseHuggingFace(text, rest.slice(3)) : parsePath(text, rest);
    case "openai":
      return parseHttpSpec(text, rest);
    default:
      throw invalid(text, scheme === "" ? "it names no scheme" : `${JSON.stringify(scheme)} is not a scheme`);
  }
}

function parsePath(text: string, path: string): EngineSpec {
  if (path === "") throw invalid(text, "the path is missing");
  return { kind: "gguf", path };
}

function parseHuggingFace(text: string, rest: string): EngineSpec {
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
