/**
 * The playground: one page that shows two models writing one text. It speaks the gateway's public API and nothing else, so all
 * that it does can be done with any client. Built by Vite into dist/web; src/gateway/http/static-site.ts serves it.
 *
 *   api/    the wire: request, stream, failures in plain words
 *   run/    one generation: its text, its counts, its end
 *   trace/  text into the page, fast and safely; formulas
 *   ui/     the views
 */
import "./styles/index.css";

import { render } from "preact";

import { loadInfo } from "./app-state.ts";
import { App } from "./ui/app.tsx";

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
void loadInfo();
