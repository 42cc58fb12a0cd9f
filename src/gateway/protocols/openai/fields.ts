/**
 * The fields that both kinds of completion requests share. A field is honoured, or accepted because it changes nothing (labels, and
 * values that ask for nothing), or refused by name. It is refused if it would change the answer and cannot be honoured. docs/api.md
 * lists all fields.
 */
import { z } from "zod";

import { extensionSchema } from "../../request/extension.ts";
import { optional } from "../../request/read-request.ts";

/** Text without lone halves of surrogate pairs. They have no UTF-8 form, so models would silently read something else. */
export const textField = (error?: string) =>
  z
    .string(error)
    .refine((text) => !/\p{Surrogate}/u.test(text), "it holds half a surrogate pair, which is not text");

export const wireText = textField();

const wholeNumber = z.number().int();

/** A field that would change the answer. Only values that ask for nothing pass. */
export const only = (values: readonly unknown[], why: string) =>
  z
    .unknown()
    .refine((value) => isOneOf(value, values), why)
    .optional();

/** A field that changes nothing here. */
const ignored = z.unknown().optional();

export const EMPTY = [undefined, null];
export const NOT_OFFERED = "it cannot be honoured here: leave it out";

const stopText = wireText.min(1, "a stop text cannot be empty").max(1024);

export const honouredFields = {
  model: z.string().min(1).max(256),
  max_tokens: optional(wholeNumber.positive()),
  temperature: optional(z.number().min(0).max(2)),
  top_p: optional(
    z.number().gt(0, "it must be greater than 0; for greedy decoding set temperature to 0").max(1),
  ),
  stop: optional(
    z
      .union([stopText, z.array(stopText).max(4, "at most 4 stop texts")], {
        error: "it must be a text of at least one character, or an array of at most 4 of them",
      })
      .transform((stop) => (typeof stop === "string" ? [stop] : stop)),
  ),
  seed: optional(wholeNumber),
  n: optional(wholeNumber.positive()),
  stream: optional(z.boolean()),
  stream_options: optional(
    z
      .object({
        include_usage: optional(z.boolean()),
        include_obfuscation: only([...EMPTY, false], NOT_OFFERED),
      })
      .strict(),
  ),
  user: optional(z.string()),
  splitreason: optional(extensionSchema),
};

/** Labels and hints for OpenAI's own service, and other fields whose values must ask for nothing. */
export const neutralFields = {
  metadata: ignored,
  safety_identifier: ignored,
  prompt_cache_key: ignored,
  prompt_cache_retention: ignored,
  service_tier: only([...EMPTY, "auto", "default"], NOT_OFFERED),
  store: only([...EMPTY, false], "nothing is stored here: leave it out or send false"),
  frequency_penalty: only([...EMPTY, 0], "penalties cannot be honoured here: leave it out or send 0"),
  presence_penalty: only([...EMPTY, 0], "penalties cannot be honoured here: leave it out or send 0"),
  logit_bias: only([...EMPTY, {}], "logit biases cannot be honoured here: leave it out"),
};

/** Compares the few shapes that ask for nothing: primitives, `[]`, `{}` and flat objects. */
function isOneOf(value: unknown, values: readonly unknown[]): boolean {
  if (typeof value !== "object" || value === null) return values.includes(value);
  const text = JSON.stringify(value);
  return values.some(
    (known) => typeof known === "object" && known !== null && JSON.stringify(known) === text,
  );
}
