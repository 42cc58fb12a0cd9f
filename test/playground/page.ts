/** One page of the playground in a fresh browser profile, watched for everything that must never happen on it. */
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { expect } from "vitest";

export interface WatchedPage {
  readonly page: Page;
  /** Addresses of all requests so far. */
  readonly requests: string[];
  lane(id: "small" | "split" | "big"): LaneView;
  readonly problem: Locator;
  run(): Locator;
  /** Fails when the console complained, the policy was violated, or another host was asked. @param except complaints that the test provoked. */
  expectClean(except?: RegExp): Promise<void>;
  close(): Promise<void>;
}

interface LaneView {
  readonly root: Locator;
  readonly trace: Locator;
  /** Waits until the lane says so. */
  reaches(status: "waiting" | "writing" | "done" | "stopped" | "failed"): Promise<void>;
  /** The texts in the trace in order, with their authors. Neighbours by one author are joined. */
  segments(): Promise<{ author: string; text: string }[]>;
  counter(name: string): Promise<string>;
}

/** The trace is read as a screen reader or a copy would have it: formulas by their source. */
const READ_SEGMENTS = `(trace) => {
  const segments = [];
  for (const span of trace.querySelectorAll(".by-small, .by-big")) {
    const copy = span.cloneNode(true);
    for (const formula of copy.querySelectorAll(".formula")) formula.replaceWith(formula.title);
    const author = span.className.slice(3);
    const last = segments.at(-1);
    if (last?.author === author) last.text += copy.textContent;
    else segments.push({ author, text: copy.textContent });
  }
  return segments;
}`;

/** The value of a function, given as text, of the first element that a selector finds: the types here are those of Node. */
export function read<Value>(page: Page, selector: string, functionText: string): Promise<Value> {
  return page.evaluate<Value>(`(${functionText})(document.querySelector(${JSON.stringify(selector)}))`);
}

const WATCH = `
  globalThis.violations = [];
  document.addEventListener("securitypolicyviolation", (event) =>
    globalThis.violations.push(event.violatedDirective + " " + event.blockedURI + " " + event.sample));
`;

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  await page.addInitScript(WATCH);
  await page.goto(url);
  const problem = page.getByRole("textbox", { name: "Problem" });
  await problem.waitFor();
  return {
    page,
    problem,
    requests,
    lane: (id) => laneView(page, id),
    run: () => page.getByRole("button", { name: /^Run( Enter)?$/ }),
    expectClean: async (except = /^$/) => {
      expect(complaints.filter((text) => !except.test(text))).toEqual([]);
      expect(await page.evaluate("globalThis.violations")).toEqual([]);
      const { origin } = new URL(url);
      expect(requests.filter((address) => new URL(address).origin !== origin)).toEqual([]);
    },
    close: () => context.close(),
  };
}

function laneView(page: Page, id: string): LaneView {
  const root = page.locator(`[data-lane=${id}]`);
  return {
    root,
    trace: root.locator(".trace"),
    reaches: (status) => page.locator(`[data-lane=${id}][data-status=${status}]`).waitFor(),
    segments: () => read(page, `[data-lane=${id}] .trace`, READ_SEGMENTS),
    counter: async (name) => {
      const row = root.locator(".counter", { hasText: name }).first();
      return (await row.locator("dd").innerText()).replaceAll(/\s+/g, " ");
    },
  };
}
