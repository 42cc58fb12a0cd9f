/** The findings of a check. Their kinds are the contract of `data check --json`. */

interface FindingKind {
  /** An error makes the file unfit for training; a warning asks for a look. */
  readonly severity: "error" | "warning";
  /** The finding in one line, for people. */
  readonly meaning: string;
}

const error = (meaning: string): FindingKind => ({ severity: "error", meaning });
const warning = (meaning: string): FindingKind => ({ severity: "warning", meaning });

const FINDINGS = {
  "row-invalid": error("a row in none of the forms that are read"),
  "no-correct-generation": warning("a problem without a correct trace: it gives no row"),
  "no-generation": warning("a problem without a trace: it gives no row"),
  "nested-open": error("an opening tag within a span"),
  "stray-close": error("a closing tag outside a span"),
  "unclosed-open": error("a span that is never closed"),
  "tags-beside-spans": error("a trace with tags in a row that has spans as well"),
  "mangled-tag": error("text that looks like a tag and is none, such as <\\bigmodel>"),
  "span-misfit": error("a span out of order, overlapping, empty or outside the trace"),
  "span-in-character": error("a span that cuts a character in two"),
  "span-over-marker": error("a span over <think> or </think>, or after the chain of thought"),
  "span-in-command": warning("a span that begins or ends within a LaTeX command"),
  "span-blank": warning("a span of white space only"),
  "share-low": error("less of the trace in spans than --min-share"),
  "share-high": error("more of the trace in spans than --max-share"),
  "too-short": error("fewer tokens than --min-tokens"),
  "too-long": error("more tokens than --max-tokens"),
  "scores-misfit": error("word scores that do not fit the trace"),
  "failed-row": error("a row that an annotator failed on"),
  "duplicate-id": error("an id that another row has, of the same annotator"),
  "duplicate-trace": error("the problem and trace of another row, of the same annotator"),
  "answer-wrong": error("a trace that ends in another answer than the row's"),
  "answer-unverified": warning("an answer that could be neither confirmed nor refuted"),
  "text-changed": error("a trace that differs from the source's, tags apart"),
  "not-in-source": error("an id that the source does not have"),
  "missing-row": warning("a row of the source that is not here"),
  "no-spans": error("no row has a span (--plain if that is meant)"),
  "no-rows": error("there are no rows"),
} satisfies Record<string, FindingKind>;

export type FindingName = keyof typeof FINDINGS;

export interface Finding {
  readonly kind: FindingName;
  readonly severity: FindingKind["severity"];
  readonly meaning: string;
  readonly rows: number;
  /** Ids of rows, or places where a row has none; the first {@link LISTED} of them. */
  readonly ids: readonly string[];
  /** Detail of the first of these rows. */
  readonly example: string;
}

/** Most ids that a finding lists. */
const LISTED = 1000;

/** Counts rows by finding; a row counts once for each kind. */
export class Findings {
  readonly #found = new Map<FindingName, { rows: number; ids: string[]; example: string }>();

  add(kind: FindingName, id: string, example: string): void {
    const found = this.#found.get(kind) ?? { rows: 0, ids: [], example };
    this.#found.set(kind, found);
    found.rows += 1;
    if (found.ids.length < LISTED) found.ids.push(id);
  }

  /** Errors first, each in the order of {@link FINDINGS}. */
  list(): Finding[] {
    const order = Object.entries(FINDINGS) as [FindingName, FindingKind][];
    const all = order.flatMap(([kind, { severity, meaning }]) => {
      const found = this.#found.get(kind);
      return found === undefined ? [] : [{ kind, severity, meaning, ...found }];
    });
    return [...all.filter(isError), ...all.filter((finding) => !isError(finding))];
  }
}

export const isError = ({ severity }: Finding): boolean => severity === "error";
