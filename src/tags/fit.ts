/**
 * Whether two texts can be the tags of a small model: each is one control token of its vocabulary, which nothing else uses. A model that others
 * have trained usually has such tokens to spare. Then no row of its embedding has to be added, and an adapter is all that is trained.
 */
import { ConfigError } from "../core/errors.ts";
import { OFFLOAD_TAGS, type TagPair, THINK_TAGS } from "./grammar.ts";

/** Control tokens that families of models have and rarely use, in pairs. */
const SPARE: readonly TagPair[] = [
  // Qwen 2.5 Coder: trained, for filling in the middle of files. The others of Qwen are not, in text-only models.
  { open: "<|fim_prefix|>", close: "<|fim_suffix|>" },
  // Qwen 2.5 and 3
  { open: "<|object_ref_start|>", close: "<|object_ref_end|>" },
  { open: "<|box_start|>", close: "<|box_end|>" },
  { open: "<|quad_start|>", close: "<|quad_end|>" },
  // Llama 3
  { open: "<|reserved_special_token_0|>", close: "<|reserved_special_token_1|>" },
  { open: "<|reserved_special_token_2|>", close: "<|reserved_special_token_3|>" },
  // Gemma
  { open: "<unused0>", close: "<unused1>" },
  // DeepSeek
  { open: "<｜place▁holder▁no▁0｜>", close: "<｜place▁holder▁no▁1｜>" },
  // Phi
  { open: "<|placeholder1|>", close: "<|placeholder2|>" },
  // SmolLM2
  { open: "<jupyter_start>", close: "<jupyter_text>" },
];

/** Tokens with a role in most models, whether a chat template names them or not. */
const TAKEN: ReadonlySet<string> = new Set([
  THINK_TAGS.open,
  THINK_TAGS.close,
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<|end_of_text|>",
  "<|eot_id|>",
  "<s>",
  "</s>",
  "<bos>",
  "<eos>",
]);

export interface TagHolder {
  /** The small model, in messages: its spec or folder. */
  readonly model: string;
  readonly isControlToken: (marker: string) => boolean;
  /** Jinja source of the chat template. */
  readonly template?: string | undefined;
}

/** The pairs of spare control tokens of a vocabulary. */
export const spareTags = ({ isControlToken, template = "" }: TagHolder): readonly TagPair[] =>
  SPARE.filter((pair) =>
    [pair.open, pair.close].every((tag) => isControlToken(tag) && !template.includes(tag)),
  );

/** How to name other tags of this model, for messages. */
export function otherTags(holder: TagHolder): string {
  const spare = spareTags(holder);
  const [first] = spare;
  if (first === undefined) return "";
  const known = spare.flatMap(({ open, close }) => [open, close]).join(", ");
  return `its vocabulary has control tokens to spare (${known}): "tags": ${JSON.stringify(first)}, or --tags '${first.open},${first.close}'`;
}

/**
 * Checks what tags mean beside the vocabulary: neither may be a token with another role.
 * @throws ConfigError that names the tag and what would do.
 */
export function requireFreeTags({ open, close }: TagPair, holder: TagHolder): void {
  const { model, template = "" } = holder;
  const fault = [open, close].flatMap((tag) => {
    if (TAKEN.has(tag)) return [`${tag} has another role in its texts`];
    return template.includes(tag) ? [`${tag} stands in its chat template`] : [];
  })[0];
  if (fault === undefined) return;
  const advice = otherTags(holder);
  throw new ConfigError(
    `the tags ${open} and ${close} do not do for ${model}: ${fault}; ${advice === "" ? "name two other control tokens" : advice}.`,
    { code: "pair-mismatch" },
  );
}

/**
 * Checks that both tags are control tokens, and have no other role.
 * @throws ConfigError that names the tag and what would do.
 */
export function requireTags(tags: TagPair, holder: TagHolder): void {
  requireFreeTags(tags, holder);
  const missing = [tags.open, tags.close].filter((tag) => !holder.isControlToken(tag));
  if (missing.length === 0) return;
  const own = tags.open === OFFLOAD_TAGS.open && tags.close === OFFLOAD_TAGS.close;
  const advice = [
    otherTags(holder),
    own ? "splitreason train add-tags --model FOLDER --out NEW makes a copy that has them" : "",
  ].filter((text) => text !== "");
  throw new ConfigError(
    `${missing.join(" and ")}: no control token${missing.length === 1 ? "" : "s"} of ${holder.model}'s vocabulary` +
      `${advice.length === 0 ? "; name two control tokens that it has" : `; ${advice.join("; or ")}`}.`,
    { code: "pair-mismatch" },
  );
}
