/** Measures how far annotators agree on the same traces, token by token. It keeps the spans of every row, not its text. */
import { createHash } from "node:crypto";

import type { Agreement } from "./document.ts";
import type { CountedTrace } from "./group.ts";

interface Kept {
  readonly annotation: number;
  readonly text: string;
  /** First token and end of each span, in one flat list. */
  readonly spans: Int32Array;
}

interface Counts {
  rows: number;
  differentText: number;
  both: number;
  onlyFirst: number;
  onlySecond: number;
  neither: number;
}

export class AgreementCounter {
  readonly #annotations: { readonly annotator: string; readonly file: string }[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #rows = new Map<string, Kept[]>();
  readonly #pairs = new Map<number, Counts>();

  /** Only the first row with the same id, annotator and file counts. */
  add(id: string, annotator: string, file: string, text: string, trace: CountedTrace): void {
    const annotation = this.#numberOf(annotator, file);
    const others = this.#rows.get(id);
    const row: Kept = {
      annotation,
      text: createHash("sha1").update(text).digest("base64url"),
      spans: Int32Array.from(trace.spans.flatMap(({ first, end }) => [first, end])),
    };
    if (others === undefined) {
      this.#rows.set(id, [row]);
      return;
    }
    if (others.some((other) => other.annotation === annotation)) return;
    for (const other of others) this.#compare(other, row, trace.tokens);
    others.push(row);
  }

  finish(): Agreement[] {
    return [...this.#pairs.entries()]
      .sort(([left], [right]) => left - right)
      .map(([pair, counts]) =>
        agreementOf(this.#nameOf(Math.floor(pair / PAIR_WIDTH)), this.#nameOf(pair % PAIR_WIDTH), counts),
      );
  }

  #numberOf(annotator: string, file: string): number {
    const key = `${annotator}\u0000${file}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#annotations.length;
    this.#annotations.push({ annotator, file });
    this.#numbers.set(key, number);
    return number;
  }

  /** The annotator's name, with the file where the name alone is ambiguous. */
  #nameOf(number: number): string {
    const annotation = this.#annotations[number];
    if (annotation === undefined) return "";
    const same = this.#annotations.filter(({ annotator }) => annotator === annotation.annotator);
    return same.length > 1 ? `${annotation.annotator} (${annotation.file})` : annotation.annotator;
  }

  #compare(left: Kept, right: Kept, tokens: number): void {
    const [first, second] = left.annotation < right.annotation ? [left, right] : [right, left];
    const key = first.annotation * PAIR_WIDTH + second.annotation;
    const counts = this.#pairs.get(key) ?? {
      rows: 0,
      differentText: 0,
      both: 0,
      onlyFirst: 0,
      onlySecond: 0,
      neither: 0,
    };
    this.#pairs.set(key, counts);
    if (first.text !== second.text) {
      counts.differentText += 1;
      return;
    }
    const both = overlap(first.spans, second.spans);
    const inFirst = total(first.spans);
    const inSecond = total(second.spans);
    counts.rows += 1;
    counts.both += both;
    counts.onlyFirst += inFirst - both;
    counts.onlySecond += inSecond - both;
    counts.neither += tokens - inFirst - inSecond + both;
  }
}

/** Nobody compares more annotations. */
const PAIR_WIDTH = 2 ** 20;

function agreementOf(first: string, second: string, counts: Counts): Agreement {
  const { rows, differentText, both, onlyFirst, onlySecond, neither } = counts;
  const all = both + onlyFirst + onlySecond + neither;
  const share = { first: ratio(both + onlyFirst, all), second: ratio(both + onlySecond, all) };
  const marked = 2 * both + onlyFirst + onlySecond;
  const observed = ratio(both + neither, all);
  const chance = share.first * share.second + (1 - share.first) * (1 - share.second);
  return {
    first,
    second,
    rows,
    differentText,
    tokens: { both, onlyFirst, onlySecond, neither },
    ...(marked === 0 ? {} : { f1: (2 * both) / marked }),
    ...(all === 0 || chance === 1 ? {} : { kappa: (observed - chance) / (1 - chance) }),
    share,
  };
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

function total(spans: Int32Array): number {
  let sum = 0;
  for (let index = 0; index < spans.length; index += 2) sum += (spans[index + 1] ?? 0) - (spans[index] ?? 0);
  return sum;
}

/** Counts the tokens that are in both of two ordered lists of spans. */
function overlap(left: Int32Array, right: Int32Array): number {
  let sum = 0;
  for (let i = 0, j = 0; i < left.length && j < right.length;) {
    const leftEnd = left[i + 1] ?? 0;
    const rightEnd = right[j + 1] ?? 0;
    sum += Math.max(0, Math.min(leftEnd, rightEnd) - Math.max(left[i] ?? 0, right[j] ?? 0));
    if (leftEnd < rightEnd) i += 2;
    else j += 2;
  }
  return sum;
}
