/** Reads the answer from a trace. */

/** The whole number in the last `\boxed{}` of the text, or null. A box may hold at most 12 digits. */
export function parseAnswer(text: string): string | null {
  const boxes = [...text.matchAll(/\\boxed\{\s*(\d{1,12})\s*\}/g)];
  const digits = boxes.at(-1)?.[1];
  return digits === undefined ? null : String(Number(digits));
}

/** Whether an extracted answer is the right one: `016` and `16` are the same number. */
export function isCorrectAnswer(answer: string | null, gold: number): boolean {
  return answer !== null && Number(answer) === gold;
}
