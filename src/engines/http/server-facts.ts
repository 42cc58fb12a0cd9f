/** Facts that a server tells when an engine opens: its kind, models, context size and chat template. */
import { ConfigError, EngineError, errorMessage } from "../../core/errors.ts";
import type { HttpEngineSpec } from "./http-spec.ts";
import type { Route } from "./transport/pool.ts";
import type { WireRequest } from "./transport/transport.ts";
import { recogniseServer, serverKind } from "./servers/index.ts";
import type { ModelDescription, ServerProtocol, ServerKind } from "./servers/server-kind.ts";
import { HttpEngineError } from "./transport/http-errors.ts";
import { controlPiece } from "../../core/piece.ts";
import type { Tokenizer } from "../../tokenizer/index.ts";
import { isNumber, listAt, numberAt, stringAt } from "./transport/json-fields.ts";

export interface ServerFacts extends ModelDescription {
  /** The server's name for the model. */
  readonly model: string;
  readonly kind: ServerKind;
  readonly protocol: ServerProtocol;
}

/** Asks the server. @throws EngineError if it does not answer, ConfigError if it has no such model. */
export async function askFacts(
  spec: HttpEngineSpec,
  route: Route,
  signal: AbortSignal | undefined,
): Promise<ServerFacts> {
  const models = await askModels(route, spec, signal);
  const server = { models, ask: (path: string) => askOptional(route, { at: "root", path }, signal) };
  const { kind, protocol } = await recogniseServer(spec.dialect, server);
  const model = modelOf(models, spec, kind, route.url);
  const entry = models?.find((candidate) => stringAt(candidate, "id") === model) ?? models?.[0];
  const listed =
    numberAt(entry, "max_model_len") ??
    numberAt(entry, "context_length") ??
    numberAt(entry, "context_window");
  const described = await kind.describe?.(server, listed);
  return {
    model,
    kind,
    protocol,
    contextSize: described?.contextSize ?? listed,
    chatTemplate: nonEmpty(described?.chatTemplate),
    endOfTurn: nonEmpty(described?.endOfTurn),
  };
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
    if (hasNone && (spec.model !== undefined || serverKind(spec.dialect).anyModelName === true))
      return undefined;
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

/** Removes the URL from the beginning of a message, since the caller puts it there itself. */
function withoutUrl(message: string, url: string): string {
  const rest = message.startsWith(url) ? message.slice(message.indexOf(": ", url.length) + 2) : message;
  return /[.!?]$/u.test(rest) ? rest : `${rest}.`;
}

function modelOf(
  models: readonly unknown[] | undefined,
  spec: HttpEngineSpec,
  kind: ServerKind,
  url: string,
): string {
  const names = (models ?? []).flatMap((entry) => stringAt(entry, "id") ?? []);
  const [first] = names;
  if (kind.anyModelName === true && names.length <= 1) return spec.model ?? first ?? "model";
  const has = names.length === 0 ? "it names no models" : `it has ${names.slice(0, 10).join(", ")}`;
  if (spec.model === undefined) {
    if (first !== undefined && names.length === 1) return first;
    throw new ConfigError(`${url}: name a model after # in the engine spec: ${has}.`, {
      code: "config-invalid",
    });
  }
  if (names.length === 0 || names.includes(spec.model)) return spec.model;
  // Some servers (Ollama) let people leave out the default tag.
  if (names.includes(`${spec.model}:latest`)) return spec.model;
  throw new ConfigError(`${url}: there is no model ${JSON.stringify(spec.model)}: ${has}.`, {
    code: "config-invalid",
  });
}

/** The answer, or undefined if the server does not understand the request. */
async function askOptional(
  route: Pick<Route, "json">,
  wire: WireRequest,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  try {
    return await route.json(wire, signal);
  } catch (error) {
    if (error instanceof HttpEngineError && error.status !== undefined && error.status < 500)
      return undefined;
    throw error;
  }
}

const nonEmpty = (text: string | undefined): string | undefined => (text === "" ? undefined : text);

/** The server's id of a text that is one token, which may be a control token. Undefined if it is none or the server cannot be asked. */
export async function askTokenId(
  route: Pick<Route, "json">,
  { model, kind }: Pick<ServerFacts, "model" | "kind">,
  text: string,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const wire = kind.tokenize?.(model, text);
  if (wire === undefined) return undefined;
  const ids = listAt(await askOptional(route, wire, signal), "tokens").filter(isNumber);
  return ids.length === 1 ? ids[0] : undefined;
}

/** Whether `/v1/completions` accepts a prompt of ids. The server decodes one token to find out. */
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
