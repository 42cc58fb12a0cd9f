/**
 * The entrance to models on servers. It asks the servers what they are, and decides how contexts are sent and tokens are received. One
 * engine runs on all kinds of servers: `servers/` has a file for each kind, `tokens/` turns contexts into ids or texts, `transport/`
 * sends and receives. Nothing here renders a chat template or knows a tag. `open-engine.ts` loads this when a spec names such a model.
 */
import { linkWithLimit } from "../../core/async.ts";
import { EngineError } from "../../core/errors.ts";
import type { LoadedTokenizer } from "../../tokenizer/index.ts";
import type { ByteLevelTokenizer } from "../../tokenizer/index.ts";
import type { Engine } from "../engine.ts";
import { readTokenizer, templateFor } from "./chat-templates.ts";
import { readKey } from "./transport/credentials.ts";
import { HttpEngine } from "./http-engine.ts";
import type { HttpEngineSpec } from "./http-spec.ts";
import type { HttpTokenizer } from "./tokens/http-tokenizer.ts";
import { LocalTokenizer } from "./tokens/local-tokenizer.ts";
import { markersIn, USUAL_MARKERS } from "./tokens/markers.ts";
import { EndpointPool, type Route } from "./transport/pool.ts";
import { askFacts, askTokenId, takesIds, type ServerFacts } from "./server-facts.ts";
import { TextTokenizer, type TextVocabulary } from "./tokens/text-tokenizer.ts";
import { Transport } from "./transport/transport.ts";

/** Context size in tokens if neither the server nor the spec names one. */
const DEFAULT_CONTEXT = 8192;
/** Words that fit for each token of context. Contexts in text are counted in words, and some words are several tokens. */
const WORDS_FOR_TOKEN = 2 / 3;
const OPEN_TIMEOUT_MS = 10_000;

export interface OpenHttpOptions {
  /** Tokens that one sequence holds, at most the server's context. */
  readonly contextSize?: number;
  /** Texts that may be control tokens, beside the usual ones. */
  readonly markers?: readonly string[];
}

/**
 * Opens the engine that a spec describes.
 * @throws ConfigError for a missing model, and for a key or a template that cannot be used; DataError for files; EngineError if no
 * server answers.
 */
export async function openHttpEngine(
  spec: HttpEngineSpec,
  options: OpenHttpOptions = {},
  signal?: AbortSignal,
): Promise<Engine> {
  const key = await readKey(spec);
  const tokenizer = spec.tokenizer === undefined ? undefined : await readTokenizer(spec.tokenizer);
  const pool = new EndpointPool(spec.urls, new Transport({ key, timeoutMs: spec.timeoutMs }));
  const route = pool.route();
  const timeoutError = (): Error =>
    new DOMException("The operation was aborted due to timeout", "TimeoutError");
  const link = linkWithLimit(OPEN_TIMEOUT_MS, timeoutError, signal);
  try {
    return await connect(spec, options, { pool, route, tokenizer }, link.signal);
  } catch (error) {
    await pool.close();
    if (signal?.aborted === true) {
      throw new EngineError(`${spec.urls.join(",")}: the call was aborted.`, {
        code: "aborted",
        cause: signal.reason,
      });
    }
    throw error;
  } finally {
    route.release();
    link.release();
  }
}

interface Connection {
  readonly pool: EndpointPool;
  readonly route: Route;
  readonly tokenizer: LoadedTokenizer | undefined;
}

async function connect(
  spec: HttpEngineSpec,
  options: OpenHttpOptions,
  { pool, route, tokenizer }: Connection,
  signal: AbortSignal,
): Promise<Engine> {
  const facts = await askFacts(spec, route, signal);
  const chatTemplate = await templateFor(spec, tokenizer, facts.chatTemplate);
  const asked = [...USUAL_MARKERS, ...(options.markers ?? []), ...spec.markers];
  const markers = [...new Set([...asked, ...markersIn(chatTemplate ?? "")])];
  const vocabulary = await vocabularyFor(spec, facts, { pool, route, tokenizer, markers }, signal);
  const known = Math.min(
    facts.contextSize ?? Infinity,
    spec.contextSize ?? facts.kind.contextLimit ?? Infinity,
    options.contextSize ?? Infinity,
  );
  const tokens = known === Infinity ? DEFAULT_CONTEXT : known;
  return new HttpEngine({
    name: `openai:${spec.urls.join(",")}#${facts.model}`,
    pool,
    chatTemplate,
    tokenizer: vocabulary.make,
    tokenIds: vocabulary.exact,
    knowsIds: vocabulary.knowsIds,
    contextSize: vocabulary.counted === "tokens" ? tokens : Math.max(1, Math.floor(tokens * WORDS_FOR_TOKEN)),
    model: {
      dialect: facts.protocol.dialect({
        model: facts.model,
        contextSize: tokens,
        shown: vocabulary.markers,
        knowsIds: vocabulary.knowsIds,
      }),
      probe: spec.probe,
      probeTokens: spec.probeTokens,
      batched: true,
      busySlots: new Map(),
    },
  });
}

interface Vocabulary {
  readonly make: () => HttpTokenizer;
  /** Whether the server returns ids, so that the ids of the context are the model's own. */
  readonly exact: boolean;
  readonly counted: "tokens" | "words";
  /** Control tokens to show in texts. */
  readonly markers: readonly string[];
  readonly knowsIds: boolean;
}

async function vocabularyFor(
  spec: HttpEngineSpec,
  facts: ServerFacts,
  { pool, route, tokenizer, markers }: Connection & { readonly markers: readonly string[] },
  signal: AbortSignal,
): Promise<Vocabulary> {
  const { tokenIds, openTokenizer } = facts.protocol;
  if (tokenIds === "both" && tokenizer !== undefined) {
    const local = new LocalTokenizer(tokenizer.tokenizer);
    return { make: () => local, exact: true, counted: "tokens", markers, knowsIds: true };
  }
  if (openTokenizer !== undefined) {
    const remote = await openTokenizer(
      `${spec.urls.join(",")}#${facts.model}`,
      (path, body, aborted) => pool.json({ at: "root", path, body }, aborted),
      { markers, endOfTurn: facts.endOfTurn },
      signal,
    );
    return { make: () => remote, exact: true, counted: "tokens", markers, knowsIds: true };
  }
  const texts = await textVocabulary(spec, facts, { pool, route, tokenizer, markers }, signal);
  return {
    make: () => new TextTokenizer(texts),
    exact: false,
    counted: tokenizer === undefined ? "words" : "tokens",
    markers: [...texts.controls.keys()],
    knowsIds: tokenizer !== undefined || [...texts.controls.values()].some((id) => id !== undefined),
  };
}

async function textVocabulary(
  spec: HttpEngineSpec,
  facts: ServerFacts,
  { pool, route, tokenizer, markers }: Connection & { readonly markers: readonly string[] },
  signal: AbortSignal,
): Promise<TextVocabulary> {
  const { addsBegin } = facts.kind;
  if (tokenizer !== undefined && facts.protocol.tokenIds !== "none") {
    return {
      controls: controlsOf(tokenizer.tokenizer),
      endOfTurn: tokenizer.endOfTurn,
      tokenizer: tokenizer.tokenizer,
      ask: undefined,
      sendsIds: await takesIds(route, facts.model, tokenizer.tokenizer, signal),
      addsBegin,
    };
  }
  const controls = new Map<string, number | undefined>(spec.markers.map((marker) => [marker, undefined]));
  const canAsk = facts.kind.tokenize !== undefined;
  const ask = (text: string, within: AbortSignal | undefined) => askTokenId(pool, facts, text, within);
  for (const marker of canAsk ? markers : []) {
    const id = await ask(marker, signal);
    if (id !== undefined) controls.set(marker, id);
  }
  const endOfTurn =
    facts.endOfTurn !== undefined && controls.has(facts.endOfTurn) ? facts.endOfTurn : undefined;
  return {
    controls,
    endOfTurn,
    tokenizer: undefined,
    sendsIds: false,
    ask: canAsk ? ask : undefined,
    addsBegin,
  };
}

function controlsOf(tokenizer: ByteLevelTokenizer): Map<string, number> {
  const { tokens, controls } = tokenizer.contents;
  return new Map(controls.map((id) => [tokens[id] ?? "", id]));
}
