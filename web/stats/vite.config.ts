/** Builds the page of `data stats` into one file, dist/stats-page/page.html. */
import { defineConfig } from "vite";

import { oneFilePage } from "../shared/one-file-page.ts";

export default defineConfig(oneFilePage(import.meta.dirname, "stats-page"));
