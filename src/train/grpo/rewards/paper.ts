/**
 * The paper's own reward (3.3 and its released code): accuracy + format + tag_count with equal weights, and no large model. It is the baseline, and
 * keeps its fault: tags are paid for as such.
 */
import { OFFLOAD_TAGS, parseTagged, THINK_TAGS } from "../../../tags/index.ts";
import { defineReward, fromParts } from "./reward.ts";

export const paper = defineReward({
  name: "paper",
  help: "the paper's: accuracy + format + tag count; the small model writes its own spans",
  rollouts: "self",
  options: {},
  score: () => (groupG) =>
    groupG.map(({ correct, taggedText }) =>
      fromParts({
        accuracy: correct ? 1 : 0,
        format: paperFormat(taggedText),
        tagCount: paperTagCount(taggedText),
      }),
    ),
});

/** +1 for the scaffold `<think>...</think>`, `<answer>...</answer>`; +1 for offload tags that are nested and closed as they should be. */
export function paperFormat(text: string): number {
  const scaffold = /^\s*<think>[^]*?<\/think>\s*<answer>[^]*?<\/answer>\s*$/u.test(text) ? 1 : 0;
  return scaffold + (parseTagged(text).faults.length === 0 ? 1 : 0);
}

/** Paper 3.3, with its floor division: 2 tags give as much as 3, and 0 to 3 nothing. */
export function paperTagCount(text: string): number {
  const opens = occurrences(text, OFFLOAD_TAGS.open);
  const closes = occurrences(text, OFFLOAD_TAGS.close);
  const scaffold =
    (text.includes(`${THINK_TAGS.open}\n`) ? 0.5 : 0) +
    (text.includes(`\n${THINK_TAGS.close}\n`) ? 0.5 : 0) +
    (text.includes("\n<answer>\n") ? 0.25 : 0) +
    (text.includes("\n</answer>") ? 0.25 : 0) +
    (text.includes("\\boxed{") ? 0.5 : 0);
  const count = opens <= 8 ? 0.5 * opens : 4 - 0.5 * (opens - 8);
  const unbalanced = opens === closes ? 0 : -2;
  return scaffold + Math.floor(count / 2) + 2 * coverage(text) + unbalanced;
}

/** Rises to 1 at 40% of the characters, falls to -1 at 100%: the share is in characters there, so here too. */
function coverage(text: string): number {
  const { plain, spans } = parseTagged(text);
  if (plain.length === 0) return 0;
  const share = spans.reduce((sum, { start, end }) => sum + end - start, 0) / plain.length;
  return share < 0.4 ? share / 0.4 : 1 - (2 * (share - 0.4)) / 0.6;
}

const occurrences = (text: string, part: string): number => text.split(part).length - 1;
