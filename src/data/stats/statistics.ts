/**
 * Counts annotated traces: how much is marked, where, how long the spans are, and how far annotators agree. It judges nothing (`check` does). Memory
 * grows by a few bytes a row, for exact medians and for joining annotators; no text is kept.
 */
import type { ReadOutcome } from "../readers/rows.ts";
import { AgreementCounter } from "./agreement.ts";
import { countTrace, spansFit, Group } from "./group.ts";
import type { DataStatistics, NamedGroup } from "./document.ts";
import { type TokenStarts, wordStarts } from "./tokens.ts";

/** Most groups; further ones are counted together. */
const MAX_GROUPS = 200;
const OTHER = "(other)";
const UNNAMED = "(none)";
export const WORD_TOKENS = "words, digits and signs";

export interface StatisticsOptions {
  readonly tokenStarts?: TokenStarts;
  /** Words for the tokens in the document; needed with `tokenStarts`. */
  readonly tokenizer?: string;
}

export class StatisticsBuilder {
  readonly #files = new Set<string>();
  readonly #overall = new Group();
  readonly #bySource = new Map<string, Group>();
  readonly #byAnnotator = new Map<string, Group>();
  readonly #agreement = new AgreementCounter();
  readonly #tokenStarts: TokenStarts;
  readonly #tokenizer: string;
  #skipped = 0;
  #faulty = 0;

  constructor({ tokenStarts = wordStarts, tokenizer = WORD_TOKENS }: StatisticsOptions = {}) {
    this.#tokenStarts = tokenStarts;
    this.#tokenizer = tokenizer;
  }

  /** Counts an outcome. Returns whether the row counts. @param file Name of the source in the document. */
  add(outcome: ReadOutcome, file: string): boolean {
    this.#files.add(file);
    if (outcome.type === "skipped") {
      this.#skipped += 1;
      return false;
    }
    const { row, faults } = outcome;
    if (faults.length > 0 || row.error !== undefined || !spansFit(row.spans ?? [], row.trace.length)) {
      this.#faulty += 1;
      return false;
    }
    const counted = countTrace(row, this.#tokenStarts);
    const annotator = row.annotator ?? UNNAMED;
    this.#overall.add(counted);
    groupOf(this.#bySource, row.source ?? UNNAMED).add(counted);
    groupOf(this.#byAnnotator, annotator).add(counted);
    if (row.spans !== undefined) this.#agreement.add(row.id, annotator, file, row.trace, counted);
    return true;
  }

  finish(): DataStatistics {
    return {
      files: [...this.#files],
      tokenizer: this.#tokenizer,
      skipped: this.#skipped,
      faulty: this.#faulty,
      overall: this.#overall.finish(),
      bySource: named(this.#bySource),
      byAnnotator: named(this.#byAnnotator),
      agreement: this.#agreement.finish(),
    };
  }
}

function groupOf(groups: Map<string, Group>, name: string): Group {
  const key = groups.has(name) || groups.size < MAX_GROUPS ? name : OTHER;
  const group = groups.get(key) ?? new Group();
  groups.set(key, group);
  return group;
}

/** The largest first. */
const named = (groups: ReadonlyMap<string, Group>): NamedGroup[] =>
  [...groups]
    .map(([name, group]) => ({ name, ...group.finish() }))
    .sort((left, right) => right.rows - left.rows || (left.name < right.name ? -1 : 1));
