/** The page of `splitreason data stats --html`: draws the data that it contains. It loads nothing from other hosts or files. */
import "../shared/styles/document.css";
import "./stats.css";

import { render } from "preact";

import type { PageData } from "../../src/data/stats/page-data.ts";
import { App } from "./app.tsx";

const root = document.getElementById("app");
const text = document.getElementById("data")?.textContent ?? "";
if (root !== null && text !== "") render(<App data={JSON.parse(text) as PageData} />, root);
