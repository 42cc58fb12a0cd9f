/**
 * Whether a model can tell its tags apart. Spare control tokens of a stock model were often never trained, and then all have the same row in the
 * embedding. An adapter leaves the embedding as it is: it could give each of them the same probability at most.
 */
import { ConfigError } from "../core/errors.ts";
import { spareTags, type TagPair } from "../tags/index.ts";
import type { StartingModel } from "./starting-model.ts";
import { EMBEDDING, OUTPUT_HEAD, type Weights } from "./model/parameters.ts";

/** Rows are the same where they differ by less than this part of their length. Rounding differs less, training more. */
const SAME = 1e-2;

/** How many other tokens have the same row as this one, in the embedding or the output head. */
export function tokensAlike(weights: Weights, id: number): number {
  const tables = [EMBEDDING, OUTPUT_HEAD].flatMap((name) => weights.get(name) ?? []);
  return Math.max(0, ...tables.map(({ data, shape }) => rowsAlike(data, shape[1] ?? 1, id)));
}

function rowsAlike(table: Float32Array, width: number, id: number): number {
  const row = table.subarray(id * width, (id + 1) * width);
  const limit = SAME ** 2 * row.reduce((sum, value) => sum + value * value, 0);
  let alike = 0;
  for (let other = 0; (other + 1) * width <= table.length; other++) {
    let distance = 0;
    // Almost every row is far away after a few columns.
    for (let column = 0; column < width && distance <= limit; column++)
      distance += ((table[other * width + column] ?? 0) - (row[column] ?? 0)) ** 2;
    if (distance <= limit && other !== id) alike++;
  }
  return alike;
}

/** @throws ConfigError when an adapter could not learn these tags: says how many tokens are alike, and which tags would do. */
export function requireOwnRows(
  { open, close }: TagPair,
  name: string,
  { weights, tokenizer, chatTemplate }: StartingModel,
): void {
  if (weights === undefined) return;
  const alikeOf = (tag: string): number => {
    const id = tokenizer.controlId(tag);
    return id === undefined ? 0 : tokensAlike(weights, id);
  };
  const alike = Math.max(alikeOf(open), alikeOf(close));
  if (alike === 0) return;
  const isControlToken = (tag: string): boolean => tokenizer.controlId(tag) !== undefined;
  const good = spareTags({ model: name, isControlToken, template: chatTemplate }).find(
    (pair) => alikeOf(pair.open) === 0 && alikeOf(pair.close) === 0,
  );
  const advice =
    good === undefined
      ? "Give the model tags of its own with splitreason train add-tags, and train all weights"
      : `Take tokens that were trained: "tags": ${JSON.stringify(good)}, or --tags '${good.open},${good.close}'`;
  throw new ConfigError(
    `${name}: ${open} and ${close} were never trained: ${alike} other tokens have the same row in its embedding. ` +
      `An adapter leaves the embedding as it is, so the model could not tell them apart. ${advice}.`,
    { code: "pair-mismatch" },
  );
}
