/** The page of `splitreason report`: draws the data that it contains. It loads nothing from other hosts or files. */
import "../shared/styles/document.css";
import "./report.css";

import { render } from "preact";

import type { PageData } from "../../src/eval/report/page-data.ts";
import { App } from "./app.tsx";

const root = document.getElementById("app");
const text = document.getElementById("data")?.textContent ?? "";
if (root !== null && text !== "") {
  const data = JSON.parse(text) as PageData;
  document.title = data.document.title;
  render(<App data={data} />, root);
}
