/** Parts that several dialects have in common. */
import { z } from "zod";

import { controlPiece, textPiece } from "../../../../src/core/piece.ts";
import { tokenId, type TokenId } from "../../../../src/core/ids.ts";
import { Refusal } from "../reply.ts";
import type { ServerSampling } from "../sampler.ts";
import type { ServedModel } from "../served-model.ts";

/** Sampling that applies where a request says nothing: servers take it from the model's files, and it is not neutral. */
export const MODEL_DEFAULTS: Omit<ServerSampling, "bias" | "seed"> = {
  temperature: 0.6,
  topP: 0.95,
  topK: 20,
  minP: 0,
};

/**
 * Real servers pass over fields that they do not know; this one refuses them, so that a test sees a misspelt one.
 */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Refusal(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`);
}

export const ids = z.array(z.number().int().nonnegative());

/** Special tokens in a text are recognised, as these servers do with prompts. */
export function encodeText(model: ServedModel, text: string, special = true): TokenId[] {
  return model.tokenizer.encode([special ? controlPiece(text) : textPiece(text)]);
}

export function checkIds(model: ServedModel, values: readonly number[]): TokenId[] {
  for (const value of values) {
    if (value >= model.tokenizer.size) throw new Refusal(`token id ${value} is out of vocabulary`);
  }
  return values.map(tokenId);
}

/** A prompt of text or ids, or several of either. */
export type PromptField = string | readonly number[] | readonly string[] | readonly (readonly number[])[];

export const promptField = z.union([z.string(), ids, z.array(z.string()), z.array(ids)]);

export function promptsOf(model: ServedModel, prompt: PromptField): TokenId[][] {
  if (typeof prompt === "string") return [encodeText(model, prompt)];
  if (prompt.length === 0) throw new Refusal("the prompt is empty");
  if (typeof prompt[0] === "number") return [checkIds(model, prompt as readonly number[])];
  return (prompt as readonly (string | readonly number[])[]).map((one) =>
    typeof one === "string" ? encodeText(model, one) : checkIds(model, one),
  );
}

/** Stop texts: one, several or none. */
export const stopField = z.union([z.string(), z.array(z.string())]).nullish();

export function stopsOf(stop: string | readonly string[] | null | undefined): string[] {
  if (stop === undefined || stop === null) return [];
  return (typeof stop === "string" ? [stop] : [...stop]).filter((one) => one !== "");
}

/** The bias by id of OpenAI's servers, held within [-100, 100]. */
export function clampedBias(bias: Readonly<Record<string, number>> | null | undefined): Map<number, number> {
  return new Map(
    Object.entries(bias ?? {}).map(([id, nats]) => [Number(id), Math.min(100, Math.max(-100, nats))]),
  );
}

let requestNumber = 0;
export const requestId = (prefix: string): string =>
  `${prefix}${(++requestNumber).toString().padStart(8, "0")}`;
export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** Runs several streams side by side and gives what comes, in the order in which it comes. */
export async function* interleave<T>(
  streams: readonly AsyncIterable<T>[],
): AsyncGenerator<T, void, undefined> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  const advance = (iterator: AsyncIterator<T>) => iterator.next().then((result) => ({ iterator, result }));
  const pending = new Map(iterators.map((iterator) => [iterator, advance(iterator)]));
  try {
    while (pending.size > 0) {
      const { iterator, result } = await Promise.race(pending.values());
      if (result.done === true) pending.delete(iterator);
      else {
        pending.set(iterator, advance(iterator));
        yield result.value;
      }
    }
  } finally {
    for (const step of pending.values()) step.catch(() => {});
    await Promise.allSettled(iterators.map(async (iterator) => iterator.return?.()));
  }
}
