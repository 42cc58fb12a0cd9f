/** The playground on bad days: hostile text, refusals, broken streams, very long traces; real Chromium, a pretended gateway. */
import { dirname } from "node:path";

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { buildPage } from "../support/built-page.ts";
import { INSTALL_TIMEOUT_MS, launchChromium } from "../support/chromium.ts";
import { openPage, read, type WatchedPage } from "./page.ts";
import { type PretendGateway, type ScriptPiece, startPretendGateway, words } from "./pretend-gateway.ts";

/** Messages in the console about a response that is not 2xx, or a connection that breaks. */
const NETWORK = /Failed to load resource|net::ERR_/;

describe("the playground on bad days", { timeout: 180_000 }, () => {
  let browser: Browser;
  let gateway: PretendGateway;
  let view: WatchedPage;

  beforeAll(async () => {
    buildPage("playground");
    browser = await launchChromium();
  }, INSTALL_TIMEOUT_MS);
  afterAll(async () => browser?.close());

  beforeEach(async () => {
    gateway = await startPretendGateway(dirname(buildPage("playground")));
    view = await openPage(browser, gateway.url);
  });
  afterEach(async () => {
    await view?.close();
    await gateway?.close();
  });

  const run = async (pieces: Iterable<ScriptPiece>): Promise<void> => {
    gateway.script = () => ({ pieces });
    await view.run().click();
    await view.lane("split").reaches("done");
  };

  it("shows what a model writes as text, whatever it is", async () => {
    const hostile = [
      '<img src=x onerror="globalThis.hit = 1">',
      "<script>globalThis.hit = 2</script>",
      '</p></div><iframe srcdoc="<script>parent.hit = 3</script>"></iframe>',
      "&lt;b&gt; stays as it is &amp; so does \u202e this",
    ].join(" ");
    await run([
      { author: "small", text: `${hostile}\n` },
      { author: "big", text: "<b>bold</b>" },
    ]);
    expect(await view.lane("split").segments()).toEqual([
      { author: "small", text: hostile },
      { author: "big", text: "<b>bold</b>" },
    ]);
    expect(await view.page.evaluate("globalThis.hit")).toBeUndefined();
    expect(await view.lane("split").trace.locator("img, script, iframe, b").count()).toBe(0);
    await view.expectClean();
  });

  it("typesets formulas, and only then loads what that takes; commands that load or link do nothing", async () => {
    await run(words("small", "No formula here, at a price of $5 or $6."));
    expect(view.requests.filter((address) => address.includes("katex"))).toEqual([]);
    await run([
      ...words("small", "First $x^2 + 1$ and \\(\\frac{a}{b}\\).\n\\[ \\sum_{k=1}^n\nk \\]\n"),
      ...words(
        "small",
        "\\(\\href{javascript:globalThis.hit=1}{click}\\) \\(\\includegraphics{http://127.0.0.1:9/x.png}\\)\n",
      ),
      ...words("small", "\\(\\htmlStyle{position:fixed}{x}\\) \\(\\url{http://127.0.0.1:9/}\\)\n"),
      ...words("small", "\\(\\def\\a{\\a\\a}\\a\\) $\\frac{1$ \\(\\rule{9999em}{9999em}\\)\n"),
      { author: "small", text: `$${"x".repeat(1500)}$\n` },
      ...words("big", "and $y$"),
    ]);
    const { trace } = view.lane("split");
    await trace.locator(".by-big .katex").waitFor();
    expect(await trace.locator(".katex-display").count()).toBe(1);
    expect(await trace.locator("a, img, [href]").count()).toBe(0);
    expect(await trace.locator(":scope [style*='fixed']").count()).toBe(0);
    expect(await trace.innerText()).toContain("x".repeat(1500));
    // What KaTeX cannot read, or will not, stays as it was written.
    expect(await trace.innerText()).toContain("$\\frac{1$");
    expect(await trace.innerText()).toContain("\\(\\def\\a{\\a\\a}\\a\\)");
    const width = await read(view.page, ".trace", "(element) => element.scrollWidth");
    expect(width).toBeLessThan(3000);
    expect(view.requests.some((address) => address.endsWith(".woff2"))).toBe(true);
    await view.expectClean();
  });

  it("stops at Esc: the request is aborted, what had come stays", async () => {
    gateway.script = () => ({ pieces: words("small", "Some words that came before"), end: "never" });
    await view.problem.fill("A problem");
    await view.problem.press("Enter");
    await view.lane("split").reaches("writing");
    await view.lane("split").trace.getByText("before").waitFor();
    await view.page.keyboard.press("Escape");
    await view.lane("split").reaches("stopped");
    await expect.poll(() => gateway.requests[0]?.aborted).toBe(true);
    expect(await view.lane("split").trace.innerText()).toBe("Some words that came before");
    expect(await view.page.locator("[role=status]").innerText()).toBe("Split: stopped.");
    await view.run().waitFor();
    await view.expectClean(NETWORK);
  });

  it("stops all lanes with the button", async () => {
    gateway.script = () => ({ pieces: words("small", "Some words"), end: "never" });
    await view.page.getByRole("radio", { name: "Side by side" }).check();
    await view.run().click();
    for (const id of ["small", "split", "big"] as const) await view.lane(id).reaches("writing");
    await view.page.getByRole("button", { name: "Stop" }).click();
    for (const id of ["small", "split", "big"] as const) await view.lane(id).reaches("stopped");
    await expect.poll(() => gateway.requests.map(({ aborted }) => aborted)).toEqual([true, true, true]);
    expect(gateway.requests.map(({ body }) => body["model"])).toEqual([
      "splitreason:small",
      "splitreason",
      "splitreason:big",
    ]);
    expect(new Set(gateway.requests.map(({ body }) => body["seed"])).size).toBe(1);
    await view.expectClean(NETWORK);
  });

  it("sends what the dial and the fields say", async () => {
    await view.page.getByLabel("Budget").fill("4");
    await view.page.getByLabel("Bias").fill("-1.5");
    await view.page.getByText("Sampling and request").click();
    await view.page.getByLabel("Temperature").fill("0.5");
    await view.page.getByLabel("Max. tokens").fill("77");
    await view.page.getByLabel("Seed").fill("5");
    expect(await view.page.getByLabel("Bias").getAttribute("aria-valuetext")).toBe("−1.5, asks less");
    await run(words("small", "ok"));
    expect(gateway.requests[0]?.body).toEqual({
      model: "splitreason",
      messages: [
        { role: "user", content: "Begin at 962. Part A: subtract 56. What is the result modulo 1000?" },
      ],
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 77,
      temperature: 0.5,
      seed: 5,
      splitreason: { authors: true, budget: 0.05, bias: -1.5 },
    });
    await view.expectClean();
  });

  it("says that the server is busy, counts down, and asks again", async () => {
    gateway.script = () => ({
      status: 429,
      headers: { "retry-after": "3" },
      body: { error: { message: "the queue is full", type: "rate_limit_error", param: null, code: null } },
    });
    await view.run().click();
    await view.lane("split").reaches("failed");
    const notice = view.lane("split").root.getByRole("alert");
    expect(await notice.innerText()).toMatch(/The server is busy\. Try again in [1-3] s\./);
    const again = notice.getByRole("button", { name: "Run again" });
    expect(await again.isDisabled()).toBe(true);
    await notice.getByText("You can try again now.").waitFor();
    gateway.script = () => ({ pieces: words("small", "better now") });
    await again.click();
    await view.lane("split").reaches("done");
    expect(await view.lane("split").trace.innerText()).toBe("better now");
    await view.expectClean(NETWORK);
  });

  it("asks for a key when the server does, and keeps it in memory only", async () => {
    const locked = await startPretendGateway(dirname(buildPage("playground")), { key: "key-0123456789" });
    locked.script = () => ({ pieces: words("small", "let in") });
    const guest = await openPage(browser, locked.url);
    const field = guest.page.getByLabel("API key");
    await field.waitFor();
    expect(await field.getAttribute("type")).toBe("password");
    expect(await guest.page.getByRole("alert").innerText()).toContain("This server needs an API key");
    await field.fill("key-wrong-one");
    await field.press("Tab");
    await guest.page.getByRole("alert").waitFor();
    await field.fill("key-0123456789");
    await field.press("Tab");
    await guest.page.getByRole("button", { name: "Four steps" }).waitFor();
    await guest.run().click();
    await guest.lane("split").reaches("done");
    expect(locked.requests[0]?.authorization).toBe("Bearer key-0123456789");
    const kept = await guest.page.evaluate(
      "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href])",
    );
    expect(kept).not.toContain("0123456789");
    await guest.page.reload();
    await field.waitFor();
    expect(await field.inputValue()).toBe("");
    await guest.expectClean(NETWORK);
    await guest.close();
    await locked.close();
  });

  it("says when the gateway is gone, and finds it again", async () => {
    await gateway.close();
    await view.run().click();
    await view.lane("split").reaches("failed");
    expect(await view.lane("split").root.getByRole("alert").innerText()).toContain(
      "The gateway does not answer",
    );
    await view.expectClean(NETWORK);
  });

  it.each([
    ["cut-off", "The connection broke before the end. The text received so far is below."],
    ["error-event", "The run stopped midway. The server says: the small model is gone"],
  ] as const)("keeps what had come when the stream ends with %s, and says so", async (end, message) => {
    gateway.script = () => ({ pieces: words("small", "half a"), end });
    await view.run().click();
    await view.lane("split").reaches("failed");
    expect(await view.lane("split").root.getByRole("alert").innerText()).toContain(message);
    expect(await view.lane("split").trace.innerText()).toBe("half a");
    await view.expectClean(NETWORK);
  });

  it("says when the big model could not take part", async () => {
    gateway.script = () => ({ pieces: words("small", "alone"), degraded: "the big model is away" });
    await view.run().click();
    await view.lane("split").reaches("done");
    expect(await view.lane("split").root.locator(".notice-degraded").innerText()).toContain(
      "The small model continued alone. the big model is away",
    );
    await view.expectClean();
  });

  it("stays responsive over a trace of 60,000 tokens", async () => {
    function* long(): Generator<ScriptPiece> {
      for (let token = 0; token < 60_000; token++) {
        const text = token % 40 === 39 ? ".\n" : `word${token % 10} `;
        yield { author: token % 1000 < 50 ? "big" : "small", text };
      }
    }
    await view.page.evaluate(`
      globalThis.longest = 0;
      let last = performance.now();
      const frame = () => {
        const now = performance.now();
        globalThis.longest = Math.max(globalThis.longest, now - last);
        last = now;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    `);
    await run(long());
    const { trace } = view.lane("split");
    const text = await read(
      view.page,
      ".trace",
      "(element) => element.textContent.replaceAll(/(small|big) model: /g, '').length",
    );
    const written = [...long()].reduce((sum, piece) => sum + piece.text.replace("\n", "").length, 0);
    expect(text).toBe(written);
    // A span for each author in each line, not one for each token.
    expect(await trace.locator("span").count()).toBeLessThan(2500);
    expect(await view.lane("split").counter("Small")).toBe("57,000 tokens");
    expect(await view.lane("split").counter("Big")).toBe("3,000 tokens");
    const longestFrameMs = await view.page.evaluate<number>("globalThis.longest");
    console.log(`longest time between two frames over 60,000 tokens: ${Math.round(longestFrameMs)} ms`);
    // Generous: on two busy cores (load 20) it was 1.3 s.
    expect(longestFrameMs).toBeLessThan(4000);
    await view.expectClean();
  });

  it("has a light and a dark theme: the system's, or the one that was chosen", async () => {
    const { page } = view;
    const ground = (): Promise<string> =>
      page.evaluate<string>("getComputedStyle(document.documentElement).backgroundColor");
    await page.emulateMedia({ colorScheme: "light" });
    const light = await ground();
    await page.emulateMedia({ colorScheme: "dark" });
    const dark = await ground();
    expect(dark).not.toBe(light);
    await page.getByRole("radio", { name: "Light" }).check();
    expect(await ground()).toBe(light);
    await page.reload();
    expect(await ground()).toBe(light);
    await page.getByRole("radio", { name: "Auto" }).check();
    expect(await ground()).toBe(dark);
    await view.expectClean();
  });

  it("keeps still for those who want it", async () => {
    gateway.script = () => ({ pieces: words("small", "waiting here"), end: "never" });
    const animation = async (): Promise<unknown> => {
      await view.run().click();
      const caret = view.page.locator(".caret");
      await caret.waitFor();
      const name = await read(view.page, ".caret", "(element) => getComputedStyle(element).animationName");
      await view.page.keyboard.press("Escape");
      await view.lane("split").reaches("stopped");
      return name;
    };
    expect(await animation()).toBe("caret");
    await view.page.emulateMedia({ reducedMotion: "reduce" });
    expect(await animation()).toBe("none");
  });
});
