/** The shape of an answer: brackets, lists, matrices, relations and words around expressions. */
import { cleanLatex, joinThousands, MAX_ANSWER_LENGTH, plainWords, resolveDegrees } from "./clean.ts";
import { type Expression, parseExpression } from "./expression.ts";

type Relation = "=" | "<" | "<=" | ">" | ">=" | "!=";

export type Answer =
  | {
      readonly kind: "value";
      readonly expression: Expression;
      readonly percent: boolean;
      readonly text: string;
    }
  /** Ordered values. With brackets of their own they may be an interval, a tuple or a vector. */
  | {
      readonly kind: "group";
      readonly open: "(" | "[";
      readonly close: ")" | "]";
      readonly items: readonly Answer[];
    }
  /** Unordered values; `braces` if they were written as a set. */
  | { readonly kind: "set"; readonly braces: boolean; readonly items: readonly Answer[] }
  | { readonly kind: "union"; readonly items: readonly Answer[] }
  | { readonly kind: "matrix"; readonly rows: readonly (readonly Answer[])[] }
  | { readonly kind: "relation"; readonly operator: Relation; readonly left: Answer; readonly right: Answer }
  /** Text that is compared letter by letter. */
  | { readonly kind: "words"; readonly text: string };

const MAX_NESTING = 5;
const MAX_ITEMS = 60;

/** Reads the shape of an answer. Text that cannot be read is words. Never throws. */
export function parseAnswer(latex: string): Answer {
  const text = cleanLatex(latex);
  if (text.length > MAX_ANSWER_LENGTH) return { kind: "words", text: plainWords(latex.slice(0, 4000)) };
  return parse(joinOutside(text), 0);
}

/** Within brackets a comma separates values: `(1,234)` is a pair. */
const joinOutside = (text: string): string => (/^(?:\(|\[|\\\{)/u.test(text) ? text : joinThousands(text));

function parse(source: string, nesting: number): Answer {
  const text = source.trim();
  const words: Answer = { kind: "words", text: plainWords(text) };
  if (text === "" || nesting > MAX_NESTING) return words;
  const deeper = (part: string): Answer => parse(part, nesting + 1);

  const onlyText = /^\(?\s*\\(?:text|textbf|textit|mbox|mathrm|textrm)\s*\{([^{}]*)\}\s*\)?$/u.exec(
    text,
  )?.[1];
  if (onlyText !== undefined) return { kind: "words", text: plainWords(onlyText) };

  const member = /^[a-zA-Z]\s*\\in(?![a-zA-Z])\s*(.+)$/u.exec(text)?.[1];
  if (member !== undefined) return deeper(member);

  const union = splitTop(text, /^(?:\\cup(?![a-zA-Z]))/u);
  if (union.length > 1) return { kind: "union", items: union.map(deeper) };

  const matrix = /^\\begin\{([pbvBV]?matrix|array)\}(?:\{[lcr| ]*\})?(.*)\\end\{\1\}$/u.exec(text)?.[2];
  if (matrix !== undefined) {
    const rows = matrix
      .split(/\\\\(?:\[[^\]]*\])?/u)
      .map((row) => row.trim())
      .filter((row) => row !== "");
    if (rows.length * (rows[0]?.split("&").length ?? 0) <= MAX_ITEMS) {
      return { kind: "matrix", rows: rows.map((row) => row.split("&").map(deeper)) };
    }
    return words;
  }

  const list = splitTop(
    text.replace(/\\text\s*\{\s*(?:and|or)\s*\}|(?<=[\d\s})])\s(?:and|or)\s/gu, ","),
    /^[,;]/u,
  );
  if (list.length > MAX_ITEMS) return words;
  if (list.length > 1)
    return { kind: "set", braces: false, items: list.flatMap((item) => spread(deeper(item))) };

  const relation = splitRelation(text);
  if (relation !== undefined) return relationAnswer(relation, deeper);

  const inner = bracketed(text);
  if (inner !== undefined) {
    const items = splitTop(inner.content, /^[,;]/u);
    if (items.length > MAX_ITEMS) return words;
    if (inner.open === "\\{") {
      return { kind: "set", braces: true, items: items.flatMap((item) => spread(deeper(item))) };
    }
    if (items.length > 1)
      return { kind: "group", open: inner.open, close: inner.close, items: items.map(deeper) };
    if (/^[A-Z]$/u.test(inner.content.trim())) return { kind: "words", text: plainWords(inner.content) };
  }

  if (/\\(?:pm|mp)(?![a-zA-Z])|±/u.test(text)) {
    const signs = ["+", "-"].map((sign) => {
      const other = sign === "+" ? "-" : "+";
      return text.replace(/\\pm(?![a-zA-Z])|±/gu, sign).replace(/\\mp(?![a-zA-Z])/gu, other);
    });
    return { kind: "set", braces: false, items: signs.map((item) => deeper(item.replace(/^\+/u, ""))) };
  }
  return value(text) ?? words;
}

/** `1 \pm \sqrt{5}` in a list is two of its items. */
const spread = (answer: Answer): readonly Answer[] =>
  answer.kind === "set" && !answer.braces ? answer.items : [answer];

function value(text: string): Answer | undefined {
  // A number in another base is its digits and its base.
  if (/^\d+\s*_\s*(?:\{\s*\d+\s*\}|\d+)$/u.test(text)) return undefined;
  const percent = /^(.*?)\s*\\%$/u.exec(text)?.[1];
  const expression = parseExpression(resolveDegrees(joinThousands(percent ?? text)));
  return expression && { kind: "value", expression, percent: percent !== undefined, text };
}

/** Splits a text at matches of `separator` outside all brackets. */
function splitTop(text: string, separator: RegExp): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? "";
    if (text.startsWith("\\begin{", index)) depth += 1;
    if (text.startsWith("\\end{", index)) depth -= 1;
    if (depth === 0) {
      const found = separator.exec(text.slice(index, index + 12))?.[0];
      if (found !== undefined) {
        parts.push(text.slice(start, index));
        index += found.length - 1;
        start = index + 1;
        continue;
      }
    }
    if (character === "\\") {
      const brace = text[index + 1];
      if (brace === "{") depth += 1;
      if (brace === "}") depth -= 1;
      if (brace !== undefined && !/[a-zA-Z]/u.test(brace)) index += 1;
    } else if ("([{".includes(character)) depth += 1;
    else if (")]}".includes(character)) depth -= 1;
  }
  return [...parts, text.slice(start)];
}

interface Bracketed {
  readonly open: "(" | "[" | "\\{";
  readonly close: ")" | "]";
  readonly content: string;
}

/** The pair of brackets that holds all of the text, if there is one. A half-open interval may close with either bracket. */
function bracketed(text: string): Bracketed | undefined {
  const set = /^\\\{(.*)\\\}$/u.exec(text)?.[1];
  if (set !== undefined && balanced(set)) return { open: "\\{", close: ")", content: set };
  const [, open, content, close] = /^([([])(.*)([)\]])$/u.exec(text) ?? [];
  if (content === undefined || !balanced(content)) return undefined;
  return { open: open === "(" ? "(" : "[", close: close === ")" ? ")" : "]", content };
}

function balanced(text: string): boolean {
  let depth = 0;
  for (const character of text) {
    if ("([{".includes(character)) depth += 1;
    if (")]}".includes(character)) depth -= 1;
    if (depth < 0) return false;
  }
  return depth === 0;
}

interface Chain {
  readonly parts: readonly string[];
  readonly operators: readonly Relation[];
}

const RELATION = /^(?:\\le(?![a-zA-Z])|\\ge(?![a-zA-Z])|\\neq?(?![a-zA-Z])|<=|>=|[=<>])/u;

function splitRelation(text: string): Chain | undefined {
  const parts = splitTop(text, RELATION);
  if (parts.length < 2 || parts.length > 4 || parts.some((part) => part.trim() === "")) return undefined;
  const operators: Relation[] = [];
  let at = 0;
  for (const part of parts.slice(0, -1)) {
    at += part.length;
    const found = RELATION.exec(text.slice(at, at + 12))?.[0] ?? "=";
    at += found.length;
    operators.push(
      found === "\\le"
        ? "<="
        : found === "\\ge"
          ? ">="
          : found.startsWith("\\ne")
            ? "!="
            : (RELATIONS.get(found) ?? "="),
    );
  }
  return { parts, operators };
}

const RELATIONS: ReadonlyMap<string, Relation> = new Map([
  ["=", "="],
  ["<", "<"],
  [">", ">"],
  ["<=", "<="],
  [">=", ">="],
]);

/** A name for the value on the other side of `=`: `x`, `x_1`, `f(x)`, `\text{Area}`, `|AB|`. */
const NAME =
  /^(?:\\(?:text|mathrm|mbox|angle|theta|alpha|beta|gamma|lambda|phi)\s*\{?[\w ]*\}?|[a-zA-Z]{1,3}(?:_\{?\w+\}?)?'?(?:\([a-z](?:,\s*[a-z])*\))?)$/u;

const isName = (text: string): boolean => NAME.test(text.trim());

function relationAnswer({ parts, operators }: Chain, deeper: (part: string) => Answer): Answer {
  const [first = "", second = "", third = ""] = parts;
  const [before = "=", after = "="] = operators;
  const rising = (operator: Relation): boolean => operator === "<" || operator === "<=";
  if (parts.length === 3 && rising(before) && rising(after) && isName(second)) {
    return interval(before === "<", deeper(first), deeper(third), after === "<");
  }
  if (parts.length === 3 && before.startsWith(">") && after.startsWith(">") && isName(second)) {
    return interval(after === ">", deeper(third), deeper(first), before === ">");
  }
  if (parts.length > 2) {
    // The last value of `a = b = c` is the answer.
    const last = parts.at(-1) ?? "";
    if (operators.every((operator) => operator === "=")) {
      return { kind: "relation", operator: "=", left: deeper(first), right: deeper(last) };
    }
    return { kind: "words", text: plainWords(parts.join(";")) };
  }
  if (before !== "=" && before !== "!=" && isName(first)) {
    return rising(before)
      ? interval(true, INFINITE(-1), deeper(second), before === "<")
      : interval(before === ">", deeper(second), INFINITE(1), true);
  }
  if (before !== "=" && before !== "!=" && isName(second)) {
    return rising(before)
      ? interval(before === "<", deeper(first), INFINITE(1), true)
      : interval(true, INFINITE(-1), deeper(first), before === ">");
  }
  const name: Answer = { kind: "words", text: plainWords(first) };
  return {
    kind: "relation",
    operator: before,
    left: before === "=" && isName(first) && !/^[a-zA-Z]$/u.test(first.trim()) ? name : deeper(first),
    right: deeper(second),
  };
}

const interval = (openLeft: boolean, low: Answer, high: Answer, openRight: boolean): Answer => ({
  kind: "group",
  open: openLeft ? "(" : "[",
  close: openRight ? ")" : "]",
  items: [low, high],
});

function INFINITE(sign: 1 | -1): Answer {
  const name = sign === 1 ? "PositiveInfinity" : "NegativeInfinity";
  return {
    kind: "value",
    expression: { kind: "symbol", name },
    percent: false,
    text: sign === 1 ? "\\infty" : "-\\infty",
  };
}
