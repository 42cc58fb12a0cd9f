/** Measures which reasoning steps a model gets right after a correct beginning: the figures of the model cards. */
import { controlPiece, textPiece } from "../../core/piece.ts";
import type { Engine, Sequence } from "../../engines/engine.ts";
import type { MicroExample, Skill } from "../../micro/index.ts";
import { promptPieces } from "./corpus.ts";

type NumberSkill = Exclude<Skill, "words">;

export interface SkillCount {
  readonly right: number;
  readonly asked: number;
}

export type MeasuredSkills = Readonly<Record<NumberSkill, SkillCount>>;

/** Greedy; a result counts as right when the model writes all of its digits and then no further digit. */
export async function measureSkills(
  engine: Engine,
  examples: readonly MicroExample[],
  signal?: AbortSignal,
): Promise<MeasuredSkills> {
  const counts: Record<NumberSkill, { right: number; asked: number }> = {
    copy: { right: 0, asked: 0 },
    plus: { right: 0, asked: 0 },
    minus: { right: 0, asked: 0 },
    keep: { right: 0, asked: 0 },
    product: { right: 0, asked: 0 },
  };
  for (const { text, trace } of examples) {
    await using sequence = await engine.open({}, signal);
    await sequence.append(promptPieces(text), signal);
    for (const { text: part, skill } of trace.parts) {
      if (skill === "words") {
        await sequence.append([controlPiece(part)], signal);
        continue;
      }
      // Whether a number comes next is a choice of words, so the space before it is given.
      const digits = part.trimStart();
      await sequence.append([textPiece(part.slice(0, part.length - digits.length))], signal);
      counts[skill].asked++;
      if (await writes(sequence, digits, signal)) counts[skill].right++;
      await sequence.append([textPiece(digits)], signal);
    }
  }
  return counts;
}

/** Leaves the sequence as it was. */
async function writes(sequence: Sequence, expected: string, signal?: AbortSignal): Promise<boolean> {
  const { position } = sequence;
  let written = "";
  // Digits are one token each; one more tells whether the number ends there.
  const options = { maxTokens: expected.length + 1, sampling: { temperature: 0, seed: 0 } };
  for await (const event of sequence.generate(options, signal)) {
    if (event.type === "token") written += event.text;
  }
  await sequence.truncate(position);
  return written.startsWith(expected) && !/^\d/.test(written.slice(expected.length));
}

/** Accuracy of the easy steps together. */
export function easyShare(skills: MeasuredSkills): number {
  const easy = [skills.copy, skills.plus, skills.minus, skills.keep];
  const asked = easy.reduce((sum, count) => sum + count.asked, 0);
  return asked === 0 ? 0 : easy.reduce((sum, count) => sum + count.right, 0) / asked;
}

export function shareRight({ right, asked }: SkillCount): number {
  return asked === 0 ? 0 : right / asked;
}
