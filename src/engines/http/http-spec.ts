/** Parses the spec of a model on a server: `openai:URL[,URL...]#MODEL?parameter=value&...`. No server is asked. */
import { z } from "zod";

import { ConfigError } from "../../core/errors.ts";
import { specAddress, specParameters } from "../../core/spec.ts";
import { ANY_SERVER, SERVER_KINDS } from "./servers/index.ts";

/** The values of `dialect`, for help texts. */
export const DIALECTS = SERVER_KINDS.map(({ name }) => name).join("|");
const isKind = (name: string): boolean => SERVER_KINDS.some((kind) => kind.name === name);
const KNOWN_KINDS = SERVER_KINDS.map(({ name, title }) => `${name} (${title})`).join(", ");

const wholeNumber = z
  .string()
  .regex(/^[1-9][0-9]{0,8}$/u, "a whole number from 1 on is possible")
  .transform(Number);

const parametersSchema = z.strictObject({
  dialect: z
    .string()
    .refine(isKind, {
      error: ({ input }) => `${JSON.stringify(input)} is not known; there are ${KNOWN_KINDS}`,
    })
    .default(ANY_SERVER),
  template: z.string().min(1).optional(),
  tokenizer: z.string().min(1).optional(),
  "key-env": z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/u, "a name of an environment variable is possible")
    .optional(),
  "key-file": z.string().min(1).optional(),
  context: wholeNumber.optional(),
  probe: z.enum(["boundaries", "every"]).default("boundaries"),
  "probe-tokens": wholeNumber.default(8),
  markers: z
    .string()
    .transform((text) => text.split(",").filter((marker) => marker !== ""))
    .default([]),
  timeout: wholeNumber.default(120_000),
});

/** A parsed spec. docs/engines.md explains the parameters. */
export interface HttpEngineSpec {
  readonly kind: "http";
  /** Base URLs without a slash at the end; several make a pool. */
  readonly urls: readonly string[];
  /** The server's name for the model. Undefined: the only model that it has. */
  readonly model: string | undefined;
  /** The name of the kind of server. `openai`: the server is asked. */
  readonly dialect: string;
  /** A built-in template's name, or the path of a Jinja file or a tokenizer_config.json. */
  readonly template: string | undefined;
  /** Path of a tokenizer.json. */
  readonly tokenizer: string | undefined;
  readonly keyEnv: string | undefined;
  readonly keyFile: string | undefined;
  readonly contextSize: number | undefined;
  readonly probe: "boundaries" | "every";
  /** Largest distance between two probes in tokens, if `probe` is `boundaries`. */
  readonly probeTokens: number;
  /** Further texts that may be single control tokens, besides the usual ones. */
  readonly markers: readonly string[];
  readonly timeoutMs: number;
}

const MAX_URLS = 32;

/** Parses `rest`, the part after `openai:`. @param text The whole spec, for messages. @throws ConfigError that says what is wrong. */
export function parseHttpSpec(text: string, rest: string): HttpEngineSpec {
  const question = rest.indexOf("?");
  const place = question < 0 ? rest : rest.slice(0, question);
  const hash = place.indexOf("#");
  const addresses = (hash < 0 ? place : place.slice(0, hash)).split(",");
  const model = hash < 0 ? "" : place.slice(hash + 1);
  const fail = (what: string): never => {
    throw invalid(text, what);
  };
  if (addresses.length > MAX_URLS) fail(`it names ${addresses.length} URLs; at most ${MAX_URLS} make a pool`);
  const parameters = specParameters(question < 0 ? "" : rest.slice(question + 1), parametersSchema, fail);
  if (parameters["key-env"] !== undefined && parameters["key-file"] !== undefined) {
    fail("give key-env or key-file, not both");
  }
  return {
    kind: "http",
    urls: addresses.map((address) => specAddress(address, fail)),
    model: model === "" ? undefined : model,
    dialect: parameters.dialect,
    template: parameters.template,
    tokenizer: parameters.tokenizer,
    keyEnv: parameters["key-env"],
    keyFile: parameters["key-file"],
    contextSize: parameters.context,
    probe: parameters.probe,
    probeTokens: parameters["probe-tokens"],
    markers: parameters.markers,
    timeoutMs: parameters.timeout,
  };
}

function invalid(text: string, what: string): ConfigError {
  return new ConfigError(
    `the engine spec ${JSON.stringify(text)} cannot be used: ${what}; a remote model is written ` +
      `openai:http://HOST:PORT/v1#MODEL?dialect=vllm&template=deepseek-r1 (docs/engines.md).`,
    { code: "config-invalid" },
  );
}
