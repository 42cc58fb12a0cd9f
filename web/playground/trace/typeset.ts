/**
 * Typesets formulas with KaTeX, which is loaded for the first formula. The source comes from a model and is not trusted. Commands that
 * load or link are off (`trust: false`), and expansion, size and length are bounded. A formula that KaTeX cannot read stays text.
 * KaTeX builds elements; it never sees or makes a string of markup.
 */
import type KatexModule from "katex";

import { findFormulas } from "./formulas.ts";

/** Most formulas of one run; the rest stays text. A page of formulas costs some 100 ms. */
const MAX_FORMULAS = 2000;
/** Longest work without a pause, so that scrolling and typing stay smooth. */
const SLICE_MS = 8;

type Katex = typeof KatexModule;

let katexPromise: Promise<Katex | undefined> | undefined;

/** Loads KaTeX. Undefined when that fails: formulas then stay readable text. */
function loadKatex(): Promise<Katex | undefined> {
  katexPromise ??= Promise.all([import("katex"), import("katex/dist/katex.min.css")]).then(
    ([module]) => module.default,
    () => undefined,
  );
  return katexPromise;
}

export class Typesetter {
  #left = MAX_FORMULAS;
  #queue: Text[] = [];
  #working = false;
  #closed = false;

  /** Queues finished text nodes for typesetting. Nodes that have left the page by then are skipped. */
  add(nodes: Iterable<Text>): void {
    for (const node of nodes) {
      if (/[$\\]/.test(node.data) && findFormulas(node.data).length > 0) this.#queue.push(node);
    }
    if (this.#queue.length > 0 && !this.#working) void this.#work();
  }

  close(): void {
    this.#closed = true;
    this.#queue = [];
  }

  async #work(): Promise<void> {
    this.#working = true;
    const katex = await loadKatex();
    let sliceEndMs = performance.now() + SLICE_MS;
    for (let node = this.#queue.shift(); node !== undefined; node = this.#queue.shift()) {
      if (katex === undefined || this.#closed || this.#left <= 0) break;
      if (node.isConnected) this.#left -= typesetNode(node, katex, this.#left);
      if (performance.now() > sliceEndMs) {
        await nextFrame();
        sliceEndMs = performance.now() + SLICE_MS;
      }
    }
    this.#queue = [];
    this.#working = false;
  }
}

/** Replaces the formulas in a text node by typeset ones. @returns how many. */
function typesetNode(node: Text, katex: Katex, limit: number): number {
  const text = node.data;
  const formulas = findFormulas(text).slice(0, limit);
  const fragment = document.createDocumentFragment();
  let position = 0;
  for (const { start, end, source, display } of formulas) {
    const element = document.createElement("span");
    element.className = display ? "formula formula-display" : "formula";
    element.title = source;
    try {
      katex.render(source, element, {
        displayMode: display,
        trust: false,
        // KaTeX marks errors with a style attribute, which the policy refuses. Plain text is clearer.
        throwOnError: true,
        strict: "ignore",
        maxExpand: 200,
        maxSize: 12,
        output: "htmlAndMathml",
      });
    } catch {
      // A formula that KaTeX cannot read stays as the model wrote it.
      continue;
    }
    fragment.append(text.slice(position, start), element);
    position = end;
  }
  fragment.append(text.slice(position));
  node.replaceWith(fragment);
  return formulas.length;
}

function nextFrame(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => resolve()));
}
