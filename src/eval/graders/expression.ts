/**
 * One expression: Cortex' parser reads the LaTeX, then it is checked against the operations that can be evaluated here. Only the parser is used.
 * Cortex' simplification is not bounded in time, and an equality that a clock ends is not the same on every machine.
 */
import { LatexSyntax } from "@cortex-js/compute-engine/latex-syntax";

import { type Rational, rationalOf } from "./rational.ts";

export type Expression =
  | { readonly kind: "number"; readonly value: Rational; readonly decimal: boolean }
  | { readonly kind: "symbol"; readonly name: string }
  | { readonly kind: "call"; readonly operator: string; readonly operands: readonly Expression[] };

/** The parser looks ahead at every bracket, and its time doubles with each level that does not close. */
const MAX_BRACKETS = 12;
const MAX_BARS = 6;
const MAX_LENGTH = 300;
const MAX_NODES = 400;
const MAX_DEPTH = 60;

const OPERATORS: ReadonlySet<string> = new Set(
  (
    "Add Subtract Negate Multiply InvisibleOperator Divide Rational Power Square Sqrt Root Exp Ln Log Lb Sin Cos Tan Cot Sec Csc Arcsin Arccos " +
    "Arctan Sinh Cosh Tanh Abs Floor Ceil Factorial Binomial Delimiter Degrees Complex"
  ).split(" "),
);

const syntax = new LatexSyntax();

/** Undefined if the text is no expression, cannot be evaluated, or is beyond the bounds. Never throws. */
export function parseExpression(latex: string): Expression | undefined {
  const text = repairFractions(latex);
  if (text === "" || text.length > MAX_LENGTH || !withinBounds(text)) return undefined;
  try {
    return convert(syntax.parse(text), { left: MAX_NODES }, 0);
  } catch {
    return undefined;
  }
}

/** `\frac34`, `\frac9{19}`, `\sqrt2`: arguments get their braces. */
const repairFractions = (text: string): string =>
  text
    .replace(/\\frac\s*(\d)\s*(\d)/gu, "\\frac{$1}{$2}")
    .replace(/\\frac\s*(\d)\s*\{/gu, "\\frac{$1}{")
    .replace(/(\\frac\s*\{[^{}]*\})\s*(\w)/gu, "$1{$2}")
    .replace(/\\sqrt\s*(\d|[a-z])/gu, "\\sqrt{$1}")
    .trim();

function withinBounds(text: string): boolean {
  const open: string[] = [];
  let bars = 0;
  let prefixes = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? "";
    if (character === "\\") {
      index += 1;
      continue;
    }
    if (character === "|") bars += 1;
    prefixes = character === "-" || character === "+" ? prefixes + 1 : character === " " ? prefixes : 0;
    if (prefixes > 4) return false;
    if ("([{".includes(character)) open.push(character);
    if (")]}".includes(character)) {
      const matching = { ")": "(", "]": "[", "}": "{" }[character];
      if (open.pop() !== matching) return false;
    }
    if (open.length > MAX_BRACKETS || bars > MAX_BARS) return false;
  }
  return open.length === 0 && bars % 2 === 0 && !/(?:\\[a-zA-Z]+\s*){9}/u.test(text);
}

function convert(json: unknown, nodes: { left: number }, depth: number): Expression | undefined {
  nodes.left -= 1;
  if (nodes.left < 0 || depth > MAX_DEPTH) return undefined;
  if (typeof json === "number") return numberNode(String(json));
  if (typeof json === "string") return json.startsWith("'") ? undefined : { kind: "symbol", name: json };
  if (Array.isArray(json)) {
    const [operator, ...rest]: readonly unknown[] = json;
    if (typeof operator !== "string" || !OPERATORS.has(operator)) return undefined;
    const operands: Expression[] = [];
    for (const item of rest) {
      const operand = convert(item, nodes, depth + 1);
      if (operand === undefined) return undefined;
      operands.push(operand);
    }
    if (operands.length === 0) return undefined;
    // `2(\frac{1}{3})` is a product, `2\frac{1}{3}` a mixed number.
    if (operator === "InvisibleOperator" && rest.some(isDelimiter))
      return { kind: "call", operator: "Multiply", operands };
    // Brackets with several things in them are not one value.
    if (operator === "Delimiter") return operands.length === 1 ? operands[0] : undefined;
    return { kind: "call", operator, operands };
  }
  if (json === null || typeof json !== "object") return undefined;
  if ("num" in json && typeof json.num === "string") return numberNode(json.num);
  if ("sym" in json && typeof json.sym === "string") return { kind: "symbol", name: json.sym };
  return "fn" in json ? convert(json.fn, nodes, depth + 1) : undefined;
}

const isDelimiter = (json: unknown): boolean => Array.isArray(json) && json[0] === "Delimiter";

function numberNode(literal: string): Expression | undefined {
  if (/infinity/iu.test(literal)) return { kind: "symbol", name: "PositiveInfinity" };
  const value = rationalOf(literal);
  if (value === undefined) return undefined;
  return { kind: "number", value, decimal: /[.e]/iu.test(literal) && !literal.includes("(") };
}
