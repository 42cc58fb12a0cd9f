/** The page of `data stats` as people open it: a file, in real Chromium. */
import { mkdirSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { TraceRow } from "../../src/formats/trace-row.ts";
import { INSTALL_TIMEOUT_MS, launchChromium } from "../support/chromium.ts";
import { buildPage } from "../support/built-page.ts";
import { callCli } from "../support/terminal.ts";
import { sampleTraces } from "./sample-traces.ts";

const shots = join(import.meta.dirname, "..", "..", ".cache", "stats-page");

describe("the page of data stats", { timeout: 120_000 }, () => {
  let folder: string;
  let browser: Browser;

  beforeAll(async () => {
    buildPage("stats");
    folder = await mkdtemp(join(tmpdir(), "stats-page-"));
    mkdirSync(shots, { recursive: true });
    browser = await launchChromium();
  }, INSTALL_TIMEOUT_MS);
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs the command on these rows, a file each, and opens its page. */
  async function openStats(
    name: string,
    files: readonly (readonly TraceRow[])[],
    { flags = [], ...options }: BrowserContextOptions & { readonly flags?: readonly string[] } = {},
  ): Promise<{
    page: Page;
    html: string;
    document: { overall: { rows: number; share: { mean: number } } };
    clean: () => void;
  }> {
    const paths: string[] = [];
    for (const [index, rows] of files.entries()) {
      const path = join(folder, `${name}-${index}.jsonl`);
      await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
      paths.push(path);
    }
    const html = join(folder, `${name}.html`);
    const { status, out } = await callCli(["data", "stats", ...paths, "--html", html, "--json", ...flags]);
    expect(status).toBe(0);
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(html).href);
    return {
      page,
      html: await readFile(html, "utf8"),
      document: JSON.parse(out),
      clean: () => {
        expect(complaints).toEqual([]);
        expect(requests).toEqual([pathToFileURL(html).href]);
      },
    };
  }

  test("shows what the command counts, and reads two annotations of a trace", async () => {
    const { truth, gap } = sampleTraces(60, 7);
    const { page, document, clean } = await openStats("two", [truth, gap]);
    const figures = await page.locator(".figures").innerText();
    expect(document.overall.rows).toBe(120);
    expect(figures).toContain("120");
    expect(figures).toContain(`${(100 * document.overall.share.mean).toFixed(1)}%`);
    expect(await page.locator(".plot svg").count()).toBe(4);
    await page.getByLabel("Shown").selectOption({ label: "annotator gap" });
    expect(await page.locator(".figures").innerText()).toContain("60");
    expect(await page.getByRole("table").first().innerText()).toContain("truth");
    expect(await page.locator("section", { hasText: "Agreement" }).innerText()).toMatch(
      /truth and gap\s+60\s+0\.\d{3}/u,
    );

    // The text of the trace, to the letter, and its spans.
    await page.getByRole("button", { name: "gap (" }).click();
    expect(await page.locator(".trace").evaluate((element) => element.textContent)).toBe(gap[0]?.trace);
    const marked = await page
      .locator(".trace")
      .evaluate((element) =>
        [...element.querySelectorAll("mark")].map(
          (mark) => [Number(mark.dataset["span"]), mark.textContent] as const,
        ),
      );
    const bySpan = (gap[0]?.spans ?? []).map((_, span) =>
      marked
        .filter(([number]) => number === span)
        .map(([, text]) => text)
        .join(""),
    );
    expect(bySpan).toEqual(gap[0]?.spans?.map(({ start, end }) => gap[0]?.trace.slice(start, end)));
    expect(await page.locator(".strip .heat").count()).toBeGreaterThan(10);
    clean();
  });

  test("keys and filters", async () => {
    const { truth, gap } = sampleTraces(12, 3);
    const { page, clean } = await openStats("keys", [truth, gap]);
    const place = page.locator(".place");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("j");
    await expect.poll(() => place.innerText()).toBe("3 of 12");
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => place.innerText()).toBe("2 of 12");
    await expect.poll(() => page.getByRole("button", { pressed: true }).innerText()).toMatch(/^truth/u);
    await page.keyboard.press("n");
    expect(await page.locator("mark.current").innerText()).toBe(
      truth[1]?.trace.slice(truth[1].spans?.[0]?.start, truth[1].spans?.[0]?.end),
    );
    await page.keyboard.press("n");
    expect(Number(await page.locator("mark.current").first().getAttribute("data-span"))).toBe(
      Math.min(1, (truth[1]?.spans?.length ?? 0) - 1),
    );
    await page.keyboard.press("a");
    await expect.poll(() => page.getByRole("button", { pressed: true }).innerText()).toMatch(/^gap/u);
    await page.locator(".controls").getByLabel("Source").selectOption("three steps");
    await expect.poll(() => place.innerText()).toBe("1 of 4");
    // Keys belong to a field while it has the focus.
    await page.locator(".controls").getByLabel("Source").focus();
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => place.innerText()).toBe("1 of 4");
    const next = page.getByRole("button", { name: "Next" });
    for (let press = 0; press < 3; press++) await next.click();
    await expect.poll(() => place.innerText()).toBe("4 of 4");
    expect(await next.isDisabled()).toBe(true);
    clean();
  });

  test("hostile text is text", async () => {
    const hostile =
      '</script><script>document.title="owned"</script><img src=x onerror="document.title=1"><!-- <mark> &amp; \u2028 {{x}} \u202e';
    const rows: TraceRow[] = [
      {
        id: hostile,
        problem: hostile,
        trace: hostile,
        answer: hostile,
        source: hostile,
        annotator: hostile,
        spans: [{ start: 3, end: 20 }],
        scores: { offsets: [0, 5], gap: [1, 1e9] },
      },
      {
        id: "b",
        problem: "p",
        trace: "__proto__",
        annotator: "constructor",
        source: "toString",
        spans: [{ start: 0, end: 9 }],
      },
    ];
    const { page, html, clean } = await openStats("hostile", [rows]);
    expect(await page.title()).toBe("Annotated traces");
    expect(await page.locator(".trace").evaluate((element) => element.textContent)).toBe(hostile);
    expect(await page.locator(".problem").evaluate((element) => element.textContent)).toBe(hostile);
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.locator("script").count()).toBe(2);
    expect(html).toContain("default-src 'none'");
    expect(html).not.toContain("unsafe");
    expect(html).not.toMatch(/https?:\/\/(?!www\.w3\.org)/u);
    clean();
    // The policy is at work: what the page's own program is not does not run.
    const ran = await page.evaluate(`new Promise((resolve) => {
      const script = document.createElement("script");
      document.addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective), { once: true });
      try { script.textContent = "document.title = 'owned'"; document.head.append(script); } catch { resolve("refused"); }
    })`);
    expect(["refused", "script-src-elem", "require-trusted-types-for"]).toContain(ran);
    expect(await page.title()).toBe("Annotated traces");
  });

  test("says what it holds of a large file, and of nothing", async () => {
    const { truth } = sampleTraces(300, 5);
    const long = { id: "long", problem: "p", trace: "word ".repeat(100_000), spans: [{ start: 0, end: 4 }] };
    const { page, html } = await openStats("large", [[...truth, long]], { flags: ["--sample", "25"] });
    expect(await page.locator(".reader .head").innerText()).toContain(
      "A random sample: 25 of 301 rows. 1 row too long for a page.",
    );
    expect(await page.locator(".place").innerText()).toBe("1 of 25");
    expect(html.length).toBeLessThan(150_000);
    const empty = await openStats("empty", [[]]);
    expect(await empty.page.locator(".reader").innerText()).toContain("All 0 rows.");
    empty.clean();
  });

  test.each([
    { name: "wide", colorScheme: "light", width: 1280, height: 900 },
    { name: "wide", colorScheme: "dark", width: 1280, height: 900 },
    { name: "narrow", colorScheme: "light", width: 390, height: 844 },
    { name: "narrow", colorScheme: "dark", width: 320, height: 640 },
  ] as const)(
    "$name, $colorScheme: fits, and is accessible",
    async ({ name, colorScheme, width, height }) => {
      const { truth, gap } = sampleTraces(200, 11);
      const { page, clean } = await openStats(`${name}-${colorScheme}`, [truth, gap], {
        colorScheme,
        viewport: { width, height },
      });
      await page.keyboard.press("a");
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
      await page.screenshot({ path: join(shots, `${name}-${colorScheme}.png`), fullPage: true });
      clean();
      await page.evaluate(
        await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"),
      );
      const violations = await page.evaluate<
        { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[]
      >("axe.run(document).then((result) => result.violations)");
      expect(
        violations
          .filter(({ impact }) => impact === "serious" || impact === "critical")
          .map(({ id, nodes }) => ({
            id,
            nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => ({ html, failureSummary })),
          })),
      ).toEqual([]);
      // The button wins over the system.
      const ground = () =>
        page.evaluate<string>("getComputedStyle(document.documentElement).backgroundColor");
      const before = await ground();
      await page.getByRole("button", { name: "Theme" }).click();
      if (colorScheme === "light") await page.getByRole("button", { name: "Theme" }).click();
      expect(await ground()).not.toBe(before);
    },
  );

  test("prints the whole trace, without what only a screen needs", async () => {
    const { truth } = sampleTraces(3, 2);
    const { page } = await openStats("print", [truth]);
    await page.emulateMedia({ media: "print" });
    expect(await page.locator(".controls").isVisible()).toBe(false);
    expect(await page.evaluate("getComputedStyle(document.querySelector('.trace')).maxHeight")).toBe("none");
  });
});
