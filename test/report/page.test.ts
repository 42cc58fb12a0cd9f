/** Opens the page of `report` as people do: as a file, in real Chromium. Screenshots go to .cache/report-page. */
import { mkdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { INSTALL_TIMEOUT_MS, launchChromium } from "../support/chromium.ts";
import { buildPage } from "../support/built-page.ts";
import { callCli } from "../support/terminal.ts";
import { row, sampleRows, summaryOf, writeRun } from "./runs.ts";

const shots = join(import.meta.dirname, "..", "..", ".cache", "report-page");

describe("the page of report", { timeout: 300_000 }, () => {
  let folder: string;
  let browser: Browser;
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    buildPage("report");
    folder = await mkdtemp(join(tmpdir(), "report-page-"));
    mkdirSync(shots, { recursive: true });
    browser = await launchChromium();
  }, INSTALL_TIMEOUT_MS);
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs the command on these folders and opens its page. */
  async function openReport(name: string, runs: readonly string[], options: BrowserContextOptions = {}) {
    const path = join(folder, `${name}.html`);
    const { status, log } = await callCli(["report", ...runs, "--out", path]);
    expect({ status, log }).toMatchObject({ status: 0, log: expect.stringContaining(`wrote ${path}`) });
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    contexts.push(context);
    const page = await context.newPage();
    // The machine may be busy.
    page.setDefaultTimeout(120_000);
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(path).href);
    const clean = (): void => {
      expect(complaints).toEqual([]);
      expect(requests).toEqual([pathToFileURL(path).href]);
    };
    return { page, html: await readFile(path, "utf8"), clean };
  }

  const run = (name: string): string => join(folder, name);

  async function serious(page: Page): Promise<unknown> {
    await page.evaluate(
      await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"),
    );
    const violations = await page.evaluate<
      { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[]
    >("axe.run(document).then((result) => result.violations)");
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => ({
        id,
        nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => [html, failureSummary]),
      }));
  }

  test("shows what the command counts; the reader filters, pages and puts arms side by side", async () => {
    const rows = sampleRows(30);
    await writeRun(run("one"), rows);
    const { page, clean } = await openReport("one", [run("one")]);
    expect(await page.title()).toBe("Evaluation of micro");
    const right = rows.filter(({ arm, correct }) => arm === "learned" && correct).length;
    const learned = page.locator("table.arms tr", {
      has: page.getByRole("rowheader", { name: "learned", exact: true }),
    });
    expect(await learned.innerText()).toContain(`${((100 * right) / 30).toFixed(1)}%`);
    expect(await page.locator(".price-plot .wide svg").count()).toBe(2);
    expect(await page.locator(".price-plot .wide .point").count()).toBe(10);
    expect(await page.locator(".price-plot .wide path.front").count()).toBe(2);
    expect(await page.locator("#prices ~ p, .prices ~ p").last().innerText()).toContain(
      "neither prices nor sizes",
    );

    const place = page.locator(".place");
    expect(await place.innerText()).toBe("1 of 30");
    expect(await page.locator(".trace-card").count()).toBe(5);
    const first = rows.filter(({ problemId }) => problemId === "p0");
    expect(
      await page.locator(".trace").evaluateAll((traces) => traces.map((trace) => trace.textContent)),
    ).toEqual(first.map(({ segments }) => segments.map(({ text }) => text).join("")));
    expect(await page.locator(".trace mark.by-big").allTextContents()).toEqual(
      first.flatMap(({ segments }) =>
        segments.filter(({ author }) => author === "big").map(({ text }) => text),
      ),
    );
    expect(await page.locator(".verdict").allInnerTexts()).toEqual(
      first.map(({ correct }) => (correct ? "✓ right" : "✗ wrong")),
    );

    await page.getByLabel("Problems where").selectOption("learned");
    await page.getByLabel("Verdict").selectOption("is wrong");
    const wrong = rows.filter(({ arm, correct }) => arm === "learned" && !correct);
    await expect.poll(() => place.innerText()).toBe(`1 of ${wrong.length}`);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Next" }).click();
    await expect.poll(() => page.locator(".meta").innerText()).toContain(wrong[1]?.problemId ?? "");
    await page.getByRole("button", { name: "never", exact: true }).click();
    expect(await page.locator(".trace-card").count()).toBe(4);
    await page.getByLabel("Verdict").selectOption("");
    await page.getByRole("searchbox").fill("number 17:");
    await expect.poll(() => place.innerText()).toBe("1 of 1");
    await page.getByRole("searchbox").fill("nothing like it");
    await expect.poll(() => place.innerText()).toBe("no such problem");
    clean();
  });

  test("hostile text is text, huge and broken rows are told", async () => {
    const hostile =
      '</script><script>document.title="owned"</script><img src=x onerror="document.title=1"><!-- <mark> &amp; \u2028 {{x}} \u202e';
    const rows = [
      row({
        problemId: hostile,
        problem: hostile,
        gold: hostile,
        arm: hostile,
        answer: hostile,
        error: hostile,
        text: hostile,
        finishReason: hostile,
        segments: [
          { author: "small", text: hostile, tokens: 4, reason: hostile },
          { author: "big", text: `${"x".repeat(300_000)}${hostile}`, tokens: 4, reason: "open-tag" },
        ],
      }),
    ];
    const summary = summaryOf(rows, {
      task: { name: hostile, version: hostile, problems: 1 },
      git: hostile,
      config: { hostile },
      machine: { processor: hostile, cores: 1, node: hostile, platform: hostile },
    });
    await writeRun(run("hostile"), rows, { summary, lines: ['{"arm": NaN', "\u0000"] });
    const { page, html, clean } = await openReport("hostile", [run("hostile")]);
    expect(await page.title()).toContain("Evaluation of </script>");
    expect(await page.locator("h1").innerText()).toContain('<img src=x onerror="document.title=1">');
    expect(await page.locator(".trace").evaluate((trace) => trace.textContent)).toContain(hostile);
    expect(await page.locator(".cut").innerText()).toMatch(/1\d\d,\d{3} characters left out/u);
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.locator("ul.warning").innerText()).toContain("2 lines of rows.jsonl cannot be used");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(1280);
    expect(html.match(/<script/gu)).toHaveLength(2);
    expect(html).toContain("default-src 'none'");
    expect(html).not.toContain("unsafe");
    clean();
    const ran = await page.evaluate(`new Promise((resolve) => {
      const script = document.createElement("script");
      document.addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective), { once: true });
      try { script.textContent = "document.title = 'owned'"; document.head.append(script); } catch { resolve("refused"); }
    })`);
    expect(["refused", "script-src-elem", "require-trusted-types-for"]).toContain(ran);
    const markdown = join(folder, "hostile.md");
    expect((await callCli(["report", run("hostile"), "--out", markdown])).status).toBe(0);
    // Outside of indented code, no tag can begin.
    const text = (await readFile(markdown, "utf8")).split("\n").filter((line) => !line.startsWith("    "));
    expect(text.join("\n")).not.toMatch(/(?<!\\)<(?!br)/u);
  });

  test.each([
    { name: "wide", colorScheme: "light", width: 1280 },
    { name: "wide", colorScheme: "dark", width: 1280 },
    { name: "narrow", colorScheme: "light", width: 360 },
    { name: "narrow", colorScheme: "dark", width: 320 },
  ] as const)("$name, $colorScheme: fits, and is accessible", async ({ name, colorScheme, width }) => {
    await writeRun(run("a"), sampleRows(20));
    await writeRun(run("b"), sampleRows(20, undefined, 2, 9));
    const { page, clean } = await openReport(`${name}-${colorScheme}`, [run("a"), run("b")], {
      colorScheme,
      viewport: { width, height: 800 },
    });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    const shown = name === "narrow" ? ".drawing.narrow" : ".drawing.wide";
    const hidden = name === "narrow" ? ".drawing.wide" : ".drawing.narrow";
    expect(await page.locator(shown).first().isVisible()).toBe(true);
    expect(await page.locator(hidden).first().isVisible()).toBe(false);
    await page.screenshot({ path: join(shots, `${name}-${colorScheme}.png`), fullPage: true });
    clean();
    expect(await serious(page)).toEqual([]);
  });

  test("prints: light, whole traces, no controls", async () => {
    await writeRun(run("print"), sampleRows(10));
    const { page } = await openReport("print", [run("print")], { colorScheme: "dark" });
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    expect(await page.locator(".controls").first().isVisible()).toBe(false);
    expect(await page.locator(".trace-card").first().isVisible()).toBe(true);
    expect(await page.evaluate("getComputedStyle(document.querySelector('.trace')).maxHeight")).toBe("none");
    expect(await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")).toBe(
      "rgb(255, 255, 255)",
    );
    const pdf = await page.pdf({ format: "A4", preferCSSPageSize: true });
    expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
  });
});

describe("the command", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "report-command-"));
    await writeRun(join(folder, "run"), sampleRows(8));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("tables, JSON, Markdown, and what it refuses", async () => {
    const at = join(folder, "run");
    const plain = await callCli(["report", at]);
    expect(plain).toMatchObject({ status: 0, log: "" });
    expect(plain.out).toMatch(/^arm\s+right\s+95% interval\s+big tokens/mu);
    const json = await callCli(["report", at, "--json"]);
    expect(JSON.parse(json.out)).toMatchObject({
      title: "Evaluation of micro",
      arms: [{ label: "small" }, {}, {}, {}, {}],
    });
    const both = await callCli(["report", at, "--out", join(folder, "out", "deep")]);
    expect(both.log).toContain("report.html");
    const markdown = await readFile(join(folder, "out", "deep", "report.md"), "utf8");
    expect(markdown).toMatch(/^\| small \| \d+\.\d% \|/mu);
    expect(markdown).toContain("random~learned");
    expect(await callCli(["report", at, "--out", join(at, "rows.jsonl")])).toMatchObject({
      status: 2,
      out: "",
    });
    const text = await callCli(["report", at, "--out", join(folder, "rep.txt")]);
    expect(text).toMatchObject({ status: 2, out: "" });
    expect(text.log).toContain("rep.txt ends in neither .html nor .md: name one of these, or a folder");
    expect(await callCli(["report", join(folder, "none")])).toMatchObject({ status: 1, out: "" });
    expect(await callCli(["report", at, at])).toMatchObject({ status: 2, out: "" });
    expect((await callCli(["report", "--help"])).out).toContain("Examples:");
  });
});
