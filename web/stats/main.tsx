/** The page of `splitreason data stats --html`: reads the data that was put into it and draws it. No other host, no other file. */
import "../shared/styles/document.css";
import "./stats.css";

import { render } from "preact";

import type { PageData } from "../../src/data/stats/page-data.ts";
import { App } from "./app.tsx";

const root = document.getElementById("app");
const text = document.getElementById("data")?.textContent ?? "";
if (root !== null && text !== "") render(<App data={JSON.parse(text) as PageData} />, root);
