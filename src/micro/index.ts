/**
 * The micro domain: problems, traces and drills, all seeded and unlimited. It is pure text and knows no tokenizer, model or
 * tag. Every room above `core` may import it.
 */
export { isCorrectAnswer, parseAnswer } from "./trace.ts";
export { type DrillKind, writeDrill } from "./example.ts";
export { microExample, type MicroExample } from "./example.ts";
export { applyStep, generateProblem, problemKey, type Split, splitOf, UNSEEN_SEED } from "./problem.ts";
export { type Skill, type Trace } from "./trace.ts";
