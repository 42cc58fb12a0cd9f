/**
 * The playground: one page that shows two models writing one text. It uses only the gateway's public API, so any client can do what it
 * does. Vite builds it into dist/web, and src/gateway/http/static-site.ts serves it.
 *
 * - `api/`: the requests, the stream, failures in plain words
 * - `run/`: one generation: its text, its counts, its end
 * - `trace/`: writes text into the page, fast and safely; formulas
 * - `ui/`: the views
 */
import "./styles/index.css";

import { render } from "preact";

import { loadInfo } from "./app-state.ts";
import { App } from "./ui/app.tsx";

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
void loadInfo();
