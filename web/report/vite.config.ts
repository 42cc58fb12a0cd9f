/** Builds the page of `report` into one file, dist/report-page/page.html. */
import { defineConfig } from "vite";

import { oneFilePage } from "../shared/one-file-page.ts";

export default defineConfig(oneFilePage(import.meta.dirname, "report-page"));
