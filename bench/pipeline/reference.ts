/**
 * Arm (3): the reference's procedure, written from its description. After the tag the big model reads everything, then writes 64 tokens.
 * The small model is prompted again after each of them, for 8 tokens, to see whether the close tag is among these. Then the small
 * model continues. Arm (4): each model decodes its share alone.
 */
import type { EngineTokenizer } from "../../src/engines/token-backend.ts";
import type { TokenId } from "../../src/core/ids.ts";
import type { Run } from "./ours.ts";
import { BIG_TOKENS, checkTrace, promptOf, SMALL_TOKENS, tagIds, toIds, TRACE } from "./trace.ts";

const CHUNK = 64;
const PROBE_TOKENS = 8;

/** SGLang's native route: ids in, ids out. */
async function generate(
  url: string,
  ids: readonly TokenId[],
  maxTokens: number,
  stop: readonly TokenId[] = [],
): Promise<TokenId[]> {
  const response = await fetch(`${url}/generate`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      input_ids: ids,
      sampling_params: {
        temperature: 0,
        max_new_tokens: maxTokens,
        stop_token_ids: stop,
        skip_special_tokens: false,
      },
    }),
  });
  if (!response.ok) throw new Error(`the server answered ${response.status}: ${await response.text()}`);
  return toIds(((await response.json()) as { readonly output_ids: readonly number[] }).output_ids);
}

/** @param atOnce The re-prompts of a chunk side by side, which the description does not say: the kinder reading. */
export async function runReference(
  urls: { readonly small: string; readonly big: string },
  tokenizer: EngineTokenizer,
  run: number,
  atOnce: boolean,
): Promise<Run> {
  const tags = tagIds(tokenizer);
  const authors: ("small" | "big")[] = [];
  const handoffsMs: number[] = [];
  const startMs = performance.now();
  let small = tokenizer.encode(promptOf(tokenizer, run));
  let big = [...small];
  while (authors.length < TRACE.tokens) {
    const written = await generate(urls.small, small, TRACE.tokens - authors.length, [tags.open]);
    const isAsking = written.at(-1) === tags.open;
    const own = isAsking ? written.slice(0, -1) : written;
    for (const _ of own) authors.push("small");
    small = [...small, ...written];
    big = [...big, ...own];
    if (!isAsking) break;
    const askedMs = performance.now();
    for (let isOpen = true; isOpen;) {
      const chunk = await generate(urls.big, big, CHUNK);
      handoffsMs.push(performance.now() - askedMs);
      const cut = await findClose(urls.small, small, chunk, tags.close, atOnce);
      const kept = chunk.slice(0, cut ?? chunk.length);
      for (const _ of kept) authors.push("big");
      small = [...small, ...kept];
      big = [...big, ...kept];
      isOpen = cut === undefined;
    }
    small = [...small, tags.close];
  }
  const wallMs = performance.now() - startMs;
  checkTrace(authors);
  return { wallMs, handoffsMs };
}

/** After how many tokens of the chunk the small model says the close tag next. All places are asked, as described. */
async function findClose(
  url: string,
  context: readonly TokenId[],
  chunk: readonly TokenId[],
  close: TokenId,
  atOnce: boolean,
): Promise<number | undefined> {
  const ask = async (length: number): Promise<boolean> => {
    const answer = await generate(url, [...context, ...chunk.slice(0, length)], PROBE_TOKENS);
    return answer[0] === close;
  };
  const lengths = chunk.map((_, index) => index + 1);
  const closes: boolean[] = [];
  if (atOnce) closes.push(...(await Promise.all(lengths.map(ask))));
  else for (const length of lengths) closes.push(await ask(length));
  const first = closes.indexOf(true);
  return first < 0 ? undefined : first + 1;
}

/** Both shares, each in one go and without a hand-over: what the servers' pace alone costs, HTTP included. */
export async function runAlone(
  urls: { readonly small: string; readonly big: string },
  tokenizer: EngineTokenizer,
  run: number,
): Promise<Run> {
  const prompt = tokenizer.encode(promptOf(tokenizer, run));
  await generate(urls.big, prompt, 1);
  const startMs = performance.now();
  await generate(urls.small, prompt, SMALL_TOKENS);
  const firstMs = performance.now() - startMs;
  const bigStartMs = performance.now();
  await generate(urls.big, prompt, BIG_TOKENS);
  return { wallMs: firstMs + performance.now() - bigStartMs, handoffsMs: [] };
}
