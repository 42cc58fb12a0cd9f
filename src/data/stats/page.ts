/** Makes one self-contained page of the statistics: the built program of `web/stats` with the data in it. */
import { fileURLToPath } from "node:url";

import { given } from "../../core/given.ts";
import { pageWithData } from "../../core/html-page.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import type { DataStatistics } from "./document.ts";
import type { PageData, PageTrace } from "./page-data.ts";
import type { Sample } from "./sample.ts";

/** The same from `src/data/stats` and `dist/data/stats`. */
const TEMPLATE = new URL("../../../dist/stats-page/page.html", import.meta.url);

export function pageSample(sample: Sample): PageData["reader"] {
  return { traces: sample.rows().map(pageTrace), rows: sample.seen, tooLong: sample.tooLong };
}

/** @throws DataError when the page's program is not built. */
export const statisticsPage = (
  statistics: DataStatistics,
  reader: PageData["reader"],
  template = fileURLToPath(TEMPLATE),
): Promise<string> => pageWithData(template, { statistics, reader } satisfies PageData);

function pageTrace({ id, problem, trace, spans = [], ...more }: TraceRow): PageTrace {
  const { annotator, source, answer, correct, scores } = more;
  return {
    id,
    problem,
    trace,
    spans,
    ...given({ annotator, source, answer, correct }),
    ...(scores === undefined
      ? {}
      : { scores: { offsets: scores.offsets, gap: scores.gap.map((gap) => Math.round(gap * 100) / 100) } }),
  };
}
