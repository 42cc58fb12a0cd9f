/** The report as one self-contained page: the built program of `web/report` with the data put into it. */
import { fileURLToPath } from "node:url";

import { pageWithData } from "../../core/html-page.ts";
import type { PageData } from "./page-data.ts";

/** The path is the same from `src/eval/report` and from `dist/eval/report`. */
const TEMPLATE = new URL("../../../dist/report-page/page.html", import.meta.url);

/** @throws DataError when the page's program is not built. */
export const reportPage = (data: PageData, template = fileURLToPath(TEMPLATE)): Promise<string> =>
  pageWithData(template, data);
