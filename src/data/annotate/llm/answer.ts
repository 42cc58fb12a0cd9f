/** Reads the snippets from a model's answer: JSON, JSON cut short, or text between marks, with any other words around them. */
import { z } from "zod";

import { THINK_TAGS } from "../../../tags/grammar.ts";
import { SNIPPET_MARKS } from "./prompt.ts";

export interface ReadAnswer {
  readonly snippets: readonly string[];
  /** Whether the answer is complete in one of the two forms. */
  readonly isWhole: boolean;
}

const answerSchema = z.union([
  z.object({ snippets: z.array(z.string()) }).transform(({ snippets }) => snippets),
  z.array(z.string()),
]);

/** No honest answer has more. */
const MOST_SNIPPETS = 400;

/** Reads an answer. It never throws: a useless answer has no snippets. Duplicates are left out. */
export function readAnswer(answer: string): ReadAnswer {
  // The thoughts of a reasoning model are no part of its answer.
  const thought = answer.lastIndexOf(THINK_TAGS.close);
  const text = thought < 0 ? answer : answer.slice(thought + THINK_TAGS.close.length);
  const read = fromJson(text) ?? fromMarks(text) ?? fromCutJson(text) ?? { snippets: [], isWhole: false };
  const snippets = [...new Set(read.snippets.filter((snippet) => snippet.trim() !== ""))];
  return {
    snippets: snippets.slice(0, MOST_SNIPPETS),
    isWhole: read.isWhole && snippets.length <= MOST_SNIPPETS,
  };
}

function fromJson(text: string): ReadAnswer | undefined {
  const named = text.search(/\{\s*"snippets"/u);
  const start = named < 0 ? text.search(/[{[]/u) : named;
  const end = Math.max(text.lastIndexOf("}"), text.lastIndexOf("]"));
  if (start < 0 || end <= start) return undefined;
  const body = text.slice(start, end + 1);
  const document = parsed(body) ?? parsed(withDoubledBackslashes(body));
  const result = answerSchema.safeParse(document);
  return result.success ? { snippets: result.data, isWhole: true } : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Doubles the single backslashes of LaTeX in JSON that begin no JSON escape. */
const withDoubledBackslashes = (text: string): string =>
  text.replaceAll(/\\(?:u[0-9a-fA-F]{4}|[\\"/bfnrt]|)/gu, (escape) => (escape === "\\" ? "\\\\" : escape));

const MARKED = /=+ *SNIPPET *=+[^\S\n]*\n?([^]*?)\n?[^\S\n]*=+ *END *=+/giu;

function fromMarks(text: string): ReadAnswer | undefined {
  const snippets = [...text.matchAll(MARKED)].map((match) => match[1] ?? "");
  if (snippets.length === 0) return undefined;
  const opened = text.split(SNIPPET_MARKS.open).length - 1;
  return { snippets, isWhole: opened <= snippets.length };
}

/** The complete strings in the array of an answer that was cut short. */
function fromCutJson(text: string): ReadAnswer | undefined {
  const named = text.search(/"snippets"\s*:\s*\[/u);
  const start = text.indexOf("[", Math.max(0, named));
  if (start < 0) return undefined;
  const snippets: string[] = [];
  for (const match of withDoubledBackslashes(text.slice(start)).matchAll(
    /"((?:[^"\\]|\\[^])*)"(?=\s*[,\]])/gu,
  )) {
    const value = parsed(`"${(match[1] ?? "").replaceAll("\n", "\\n")}"`);
    if (typeof value === "string") snippets.push(value);
  }
  return snippets.length === 0 ? undefined : { snippets, isWhole: false };
}
