/** Measures how well a model does each kind of reasoning step under teacher forcing, while it trains. */
import { type MicroExample, type Skill } from "../../micro/index.ts";
import type { ByteLevelTokenizer } from "../../tokenizer/index.ts";
import type { Trainer } from "../../train/trainer.ts";
import { promptPieces, traceDatum } from "./corpus.ts";

type NumberSkill = Exclude<Skill, "words">;
/** Mean probability of a whole result after a correct trace, by skill; and of all results of an example together. */
export type SkillScores = Readonly<Record<NumberSkill | "problem", number>>;

/** Token ranges of the results in a trace, within {@link traceDatum}'s targets. */
function resultRanges(
  tokenizer: ByteLevelTokenizer,
  { text, trace }: MicroExample,
): { skill: NumberSkill; start: number; end: number }[] {
  // Targets are shifted by one: the token at index i of the document is target i - 1.
  let position = tokenizer.encode(promptPieces(text)).length - 1;
  return trace.parts.flatMap(({ text: part, skill }) => {
    // Whether a number comes next is a choice of words, so the space before it, one token, does not count.
    const start = position + 1;
    position += tokenizer.encode([{ text: part, control: skill === "words" }]).length;
    return skill === "words" ? [] : [{ skill, start, end: position }];
  });
}

export async function skillScores(
  trainer: Trainer,
  tokenizer: ByteLevelTokenizer,
  examples: readonly MicroExample[],
): Promise<SkillScores> {
  const { logprobs } = await trainer.forward(examples.map((example) => traceDatum(tokenizer, example)));
  const sums = new Map<NumberSkill, { total: number; count: number }>();
  let wholeProblems = 0;
  examples.forEach((example, index) => {
    let whole = 0;
    for (const { skill, start, end } of resultRanges(tokenizer, example)) {
      let logprob = 0;
      for (let position = start; position < end; position++) logprob += logprobs[index]?.[position] ?? 0;
      whole += logprob;
      const sum = sums.get(skill) ?? { total: 0, count: 0 };
      sums.set(skill, { total: sum.total + Math.exp(logprob), count: sum.count + 1 });
    }
    wholeProblems += Math.exp(whole);
  });
  const mean = (skill: NumberSkill): number => {
    const sum = sums.get(skill);
    return sum === undefined ? 0 : sum.total / sum.count;
  };
  return {
    copy: mean("copy"),
    plus: mean("plus"),
    minus: mean("minus"),
    keep: mean("keep"),
    product: mean("product"),
    problem: examples.length === 0 ? 0 : wholeProblems / examples.length,
  };
}
