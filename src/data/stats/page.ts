/**
 * The statistics as one self-contained page: the built program of `web/stats` with the data put into it. Whatever the data says is data there: it is JSON in
 * a script element of a type that no browser runs, without a `<`, under a content security policy that knows the page's own program by its digest and
 * nothing else.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { DataError } from "../../core/errors.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import type { DataStatistics } from "./document.ts";
import type { PageData, PageTrace } from "./page-data.ts";
import type { Sample } from "./sample.ts";

/** From `src/data/stats` and from `dist/data/stats` alike. */
const TEMPLATE = new URL("../../../dist/stats-page/page.html", import.meta.url);
/** Where the data goes, as `web/stats/index.html` has it. */
const PLACE = '<script type="application/json" id="data"></script>';

export function pageSample(sample: Sample): PageData["reader"] {
  return { traces: sample.rows().map(pageTrace), rows: sample.seen, tooLong: sample.tooLong };
}

/** @throws DataError when the page's program is not built. */
export async function statisticsPage(
  statistics: DataStatistics,
  reader: PageData["reader"],
  template = fileURLToPath(TEMPLATE),
): Promise<string> {
  const html = await readFile(template, "utf8").catch((error: unknown) => {
    throw new DataError(`the page's program is not at ${template}: run npm run build.`, {
      code: "file-missing",
      cause: error,
    });
  });
  const parts = html.split(PLACE);
  const [before, after] = parts;
  if (parts.length !== 2 || before === undefined || after === undefined) {
    throw new DataError(`${template} has no place for the data: run npm run build.`, {
      code: "file-invalid",
    });
  }
  const data: PageData = { statistics, reader };
  return `${before}${PLACE.replace("></", () => `>${scriptSafeJson(data)}</`)}${after}`;
}

/** JSON in which nothing can end a script element or open a comment, and no line separator stands. */
export function scriptSafeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function pageTrace({ id, problem, trace, spans = [], ...more }: TraceRow): PageTrace {
  const { annotator, source, answer, correct, scores } = more;
  return {
    id,
    problem,
    trace,
    spans,
    ...(annotator === undefined ? {} : { annotator }),
    ...(source === undefined ? {} : { source }),
    ...(answer === undefined ? {} : { answer }),
    ...(correct === undefined ? {} : { correct }),
    ...(scores === undefined
      ? {}
      : { scores: { offsets: scores.offsets, gap: scores.gap.map((gap) => Math.round(gap * 100) / 100) } }),
  };
}
