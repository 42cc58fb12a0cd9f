/**
 * Graders: numbers, choices and mathematics. Pure functions of two texts; no model judges, nothing is executed. For tasks and the command
 * `grade`; reading mathematics loads its parser (about 0.4 MB), so commands import this folder when they need it.
 */
export { chosenLetter } from "./choice.ts";
export { boxedAnswer, extractAnswer, lastNumber } from "./extract.ts";
export { gradeMath } from "./math.ts";
export { gradeNumber } from "./number.ts";
export { compareAnswers } from "./verdict.ts";
