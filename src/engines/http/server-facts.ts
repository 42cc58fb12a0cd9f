/** What a server says about itself when an engine opens: models, context, template. Asked once, with a short timeout. */
import { ConfigError, EngineError, errorMessage } from "../../core/errors.ts";
import type { HttpEngineSpec } from "./http-spec.ts";
import type { Route } from "./transport/pool.ts";
import type { Flavour } from "./servers/openai.ts";
import { HttpEngineError } from "./transport/http-errors.ts";
import { controlPiece } from "../../core/piece.ts";
import type { Tokenizer } from "../../tokenizer/index.ts";
import { isNumber, listAt, numberAt, objectAt, stringAt } from "./transport/json-fields.ts";

export interface ServerFacts {
  /** As the server calls it. */
  readonly model: string;
  readonly flavour: Flavour;
  /** Tokens that fit into one sequence, where the server says so. */
  readonly contextSize: number | undefined;
  /** Jinja source. */
  readonly chatTemplate: string | undefined;
  readonly endOfTurn: string | undefined;
}

/** @throws EngineError when the server does not answer, ConfigError when it has no such model. */
export async function askFacts(
  spec: HttpEngineSpec,
  route: Route,
  signal: AbortSignal | undefined,
): Promise<ServerFacts> {
  const models = await askModels(route, spec, signal);
  const flavour = flavourOf(models, spec);
  const model = modelOf(models, spec, flavour, route.url);
  const entry = models?.find((candidate) => stringAt(candidate, "id") === model) ?? models?.[0];
  const listed =
    numberAt(entry, "max_model_len") ??
    numberAt(entry, "context_length") ??
    numberAt(entry, "context_window");
  switch (flavour) {
    case "llamacpp": {
      const props = await askOptional(route, "/props", signal);
      return {
        model,
        flavour,
        contextSize: numberAt(objectAt(props, "default_generation_settings"), "n_ctx") ?? listed,
        chatTemplate: nonEmpty(stringAt(props, "chat_template")),
        endOfTurn: nonEmpty(stringAt(props, "eos_token")),
      };
    }
    case "sglang": {
      const info = listed === undefined ? await askOptional(route, "/get_server_info", signal) : undefined;
      return {
        model,
        flavour,
        contextSize: listed ?? numberAt(info, "context_length"),
        chatTemplate: undefined,
        endOfTurn: undefined,
      };
    }
    case "vllm":
    case "ollama":
    case "other":
      return { model, flavour, contextSize: listed, chatTemplate: undefined, endOfTurn: undefined };
    default:
      return flavour satisfies never;
  }
}

async function askModels(
  route: Route,
  spec: HttpEngineSpec,
  signal: AbortSignal | undefined,
): Promise<readonly unknown[] | undefined> {
  try {
    return listAt(await route.json({ at: "api", path: "/models" }, signal), "data");
  } catch (error) {
    const hasNone = error instanceof HttpEngineError && (error.status === 404 || error.status === 405);
    if (hasNone && (spec.model !== undefined || spec.dialect === "llamacpp")) return undefined;
    if (error instanceof EngineError && error.code === "aborted") throw error;
    throw new EngineError(
      `${route.url}: the server cannot be asked for its models: ${withoutUrl(errorMessage(error), route.url)}`,
      {
        code: error instanceof HttpEngineError ? error.code : "engine-unavailable",
        cause: error,
        retryable: !(error instanceof HttpEngineError) || error.retryable,
      },
    );
  }
}

/** Messages of a route begin with its URL; here that stands before already. */
function withoutUrl(message: string, url: string): string {
  const rest = message.startsWith(url) ? message.slice(message.indexOf(": ", url.length) + 2) : message;
  return /[.!?]$/u.test(rest) ? rest : `${rest}.`;
}

/** A dialect says what the server is; with `openai` it is the server that says so. */
function flavourOf(models: readonly unknown[] | undefined, { dialect }: HttpEngineSpec): Flavour {
  if (dialect !== "openai") return dialect;
  return OWNERS[stringAt(models?.[0], "owned_by") ?? ""] ?? "other";
}

/** Who owns a model, in the lists of the servers. */
const OWNERS: Readonly<Record<string, Flavour>> = {
  llamacpp: "llamacpp",
  vllm: "vllm",
  sglang: "sglang",
  library: "ollama",
};

function modelOf(
  models: readonly unknown[] | undefined,
  spec: HttpEngineSpec,
  flavour: Flavour,
  url: string,
): string {
  const names = (models ?? []).flatMap((entry) => stringAt(entry, "id") ?? []);
  const [first] = names;
  // llama.cpp serves its one model whatever it is called.
  if (flavour === "llamacpp" && names.length <= 1) return spec.model ?? first ?? "model";
  const has = names.length === 0 ? "it names no models" : `it has ${names.slice(0, 10).join(", ")}`;
  if (spec.model === undefined) {
    if (first !== undefined && names.length === 1) return first;
    throw new ConfigError(`${url}: name a model behind # in the engine spec: ${has}.`, {
      code: "config-invalid",
    });
  }
  if (names.length === 0 || names.includes(spec.model)) return spec.model;
  // Ollama leaves its default tag out.
  if (names.includes(`${spec.model}:latest`)) return spec.model;
  throw new ConfigError(`${url}: there is no model ${JSON.stringify(spec.model)}: ${has}.`, {
    code: "config-invalid",
  });
}

async function askOptional(route: Route, path: string, signal: AbortSignal | undefined): Promise<unknown> {
  try {
    return await route.json({ at: "root", path }, signal);
  } catch (error) {
    if (error instanceof HttpEngineError && error.status !== undefined && error.status < 500)
      return undefined;
    throw error;
  }
}

const nonEmpty = (text: string | undefined): string | undefined => (text === "" ? undefined : text);

/** Asks a server's `/tokenize` for the id of a text that is one token there, its control tokens included; undefined where it has none. */
export async function askTokenId(
  route: Pick<Route, "json">,
  { model, flavour }: Pick<ServerFacts, "model" | "flavour">,
  text: string,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const body =
    flavour === "llamacpp"
      ? { content: text, add_special: false, parse_special: true }
      : { model, prompt: text, add_special_tokens: false };
  try {
    const ids = listAt(await route.json({ at: "root", path: "/tokenize", body }, signal), "tokens").filter(
      isNumber,
    );
    return ids.length === 1 ? ids[0] : undefined;
  } catch (error) {
    if (error instanceof HttpEngineError && error.status !== undefined && error.status < 500)
      return undefined;
    throw error;
  }
}

/** Whether a completions server takes a prompt of ids: one token is decoded to find out. */
export async function takesIds(
  route: Route,
  model: string,
  tokenizer: Tokenizer,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const prompt = tokenizer.encode([controlPiece("a")]);
  const body = { model, prompt, max_tokens: 1, temperature: 0, stream: false };
  try {
    await route.json({ at: "api", path: "/completions", body }, signal);
    return true;
  } catch (error) {
    if (error instanceof HttpEngineError && (error.status === 400 || error.status === 422)) return false;
    throw error;
  }
}
