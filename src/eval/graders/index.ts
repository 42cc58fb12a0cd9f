/**
 * Graders: numbers, choices and mathematics. They are pure functions of two texts: no model judges, nothing is executed. Tasks, the command
 * `grade` and `data check` call them. Reading mathematics loads its parser (about 0.4 MB), so commands import this folder only when they need it.
 */
export { chosenLetter } from "./choice.ts";
export { boxedAnswer, extractAnswer, lastNumber } from "./extract.ts";
export { gradeMath } from "./math.ts";
export { gradeNumber } from "./number.ts";
export { compareAnswers } from "./verdict.ts";
