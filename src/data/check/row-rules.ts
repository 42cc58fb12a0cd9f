/** Checks one row by itself. */
import type { Span, TraceRow } from "../../formats/trace-row.ts";
import { stripTags, THINK_TAGS } from "../../tags/index.ts";
import { chainOfThought } from "../../tags/chain-of-thought.ts";
import { countTrace, spansFit } from "../stats/group.ts";
import type { TokenStarts } from "../stats/tokens.ts";
import type { FindingName } from "./finding.ts";

export interface RowBounds {
  /** Share of the chain of thought's tokens in spans, 0 to 1. */
  readonly minShare: number;
  readonly maxShare: number;
  /** Number of tokens of the chain of thought. */
  readonly minTokens: number;
  readonly maxTokens: number;
}

export interface RowFinding {
  readonly kind: FindingName;
  readonly example: string;
}

/**
 * A misspelt tag: with a backslash or a space, in another case, or without its bracket. The reference's own data has such tags.
 */
const MANGLED_TAG = /<\s*[\\/]?\s*big[ _-]?model\s*[\\/]?\s*>|<[\\/]?bigmodel(?![\w>])/iu;

/**
 * Checks the spans of a row.
 * @param tagsPair Whether the row's tags pair. Only then do places and sizes of spans mean anything.
 */
export function rowFindings(
  row: TraceRow,
  tagsPair: boolean,
  bounds: RowBounds,
  tokenStarts: TokenStarts,
): RowFinding[] {
  const { trace, spans = [] } = row;
  const found: RowFinding[] = [];
  const add = (kind: FindingName, example: string): void => {
    if (!found.some((each) => each.kind === kind)) found.push({ kind, example });
  };
  if (row.error !== undefined) add("failed-row", row.error.slice(0, 200));
  const mangled = MANGLED_TAG.exec(stripTags(trace));
  if (mangled !== null) add("mangled-tag", `${JSON.stringify(mangled[0])} at offset ${mangled.index}`);
  if (row.scores !== undefined && !scoresFit(row.scores, trace.length)) {
    add("scores-misfit", `${row.scores.offsets.length} offsets, ${row.scores.gap.length} scores`);
  }
  if (!tagsPair) return found;
  if (!spansFit(spans, trace.length)) {
    add(
      "span-misfit",
      `${JSON.stringify(spans.map(({ start, end }) => [start, end])).slice(0, 100)} in ${trace.length}`,
    );
    return found;
  }
  const thoughts = chainOfThought(trace).length;
  for (const span of spans) spanFindings(trace, span, thoughts, add);

  const { tokens, spans: counted } = countTrace(row, tokenStarts);
  if (tokens < bounds.minTokens) add("too-short", `${tokens} tokens`);
  if (tokens > bounds.maxTokens) add("too-long", `${tokens} tokens`);
  const marked = counted.reduce((sum, { first, end }) => sum + end - first, 0);
  const share = tokens === 0 ? 0 : marked / tokens;
  if (share < bounds.minShare) add("share-low", `${(100 * share).toFixed(1)}%`);
  if (share > bounds.maxShare) add("share-high", `${(100 * share).toFixed(1)}%`);
  return found;
}

function spanFindings(
  trace: string,
  { start, end }: Span,
  thoughts: number,
  add: (kind: FindingName, example: string) => void,
): void {
  const text = trace.slice(start, end);
  const where = `[${start}, ${end}) ${JSON.stringify(text.slice(0, 60))}`;
  if (cutsCharacter(trace, start) || cutsCharacter(trace, end)) add("span-in-character", where);
  if (end > thoughts || text.includes(THINK_TAGS.open)) add("span-over-marker", where);
  if (cutsCommand(trace, start) || cutsCommand(trace, end)) add("span-in-command", where);
  if (text.trim() === "") add("span-blank", where);
}

/** Whether a cut at `offset` lies between the halves of a surrogate pair. */
function cutsCharacter(text: string, offset: number): boolean {
  const before = text.charCodeAt(offset - 1);
  const after = text.charCodeAt(offset);
  return before >= 0xd800 && before < 0xdc00 && after >= 0xdc00 && after < 0xe000;
}

/** Whether a cut at `offset` lies within a command such as `\frac`. */
function cutsCommand(text: string, offset: number): boolean {
  if (!/[A-Za-z]/u.test(text[offset] ?? "")) return false;
  let from = offset;
  while (from > 0 && /[A-Za-z]/u.test(text[from - 1] ?? "")) from -= 1;
  if (text[from - 1] !== "\\") return false;
  // `\\` is a line break, so no command follows it.
  let slashes = 0;
  while (text[from - 1 - slashes] === "\\") slashes += 1;
  return slashes % 2 === 1;
}

function scoresFit({ offsets, gap }: NonNullable<TraceRow["scores"]>, length: number): boolean {
  return (
    offsets.length === gap.length &&
    offsets.every((offset, index) => offset < length && (index === 0 || offset > (offsets[index - 1] ?? 0)))
  );
}
