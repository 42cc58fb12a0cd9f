/**
 * Checks: whether annotated traces are fit for training. They judge rows that readers give them and change none; how answers are verified is put in from
 * above.
 */
export { CHECK_DEFAULTS, Checker, type CheckOptions, type CheckReport, type Verdict } from "./checker.ts";
export { type Finding, type FindingName, isError } from "./finding.ts";
export { SourceTexts } from "./texts.ts";
