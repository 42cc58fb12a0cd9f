/** The playground as users have it: real Chromium, the real gateway, the shipped pair. */
import { copyFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { microExample } from "../../src/micro/index.ts";
import { buildPage } from "../support/built-page.ts";
import { INSTALL_TIMEOUT_MS, launchChromium } from "../support/chromium.ts";
import { type ServedGateway, serveGateway } from "../support/gateway/served-gateway.ts";
import { openPage, read } from "./page.ts";

const root = join(import.meta.dirname, "..", "..");
const shots = join(root, ".cache", "playground");
const PROBLEM =
  "Start with 347. First, add 85. Second, multiply the last two digits by 63. Third, add 29. What is the result modulo 1000?";
const EXAMPLES = [
  { title: "Four steps", problem: microExample("test", 11, 4).text },
  { title: "Two products", problem: microExample("test", 11, 7).text },
  { title: "As in the README", problem: PROBLEM },
];

describe("the playground over the micro pair", { timeout: 180_000 }, () => {
  let gateway: ServedGateway;
  let browser: Browser;

  beforeAll(async () => {
    buildPage("playground");
    browser = await launchChromium();
    gateway = await serveGateway(
      { embedded: { threads: 1 }, limits: { concurrent: 8 } },
      { examples: EXAMPLES },
    );
  }, INSTALL_TIMEOUT_MS);

  afterAll(async () => {
    await browser?.close();
    await gateway?.close(0);
  });

  it("streams a trace in two colours that is, to the letter, what the API answers", async () => {
    const view = await openPage(browser, gateway.url);
    await view.problem.fill(PROBLEM);
    await view.page.getByText("Sampling and request").click();
    await view.page.getByLabel("Temperature").fill("0");
    await view.page.getByLabel("Seed").fill("1");
    await view.problem.press("Enter");
    const lane = view.lane("split");
    await lane.reaches("done");

    const direct = await ask({
      model: "splitreason",
      temperature: 0,
      seed: 1,
      splitreason: { authors: true },
    });
    const segments = await lane.segments();
    expect(segments.map(({ author }) => author)).toEqual(
      direct.splitreason.segments.map(({ author }) => author),
    );
    expect(segments.length).toBeGreaterThan(2);
    const whole = (parts: readonly { text: string }[]): string =>
      parts
        .map(({ text }) => text.replace("</think>", ""))
        .join("")
        .replaceAll(/\s+/g, "");
    expect(whole(segments)).toBe(whole(direct.splitreason.segments));
    expect(await lane.counter("Small")).toBe(`${direct.usage.completion_tokens_details.small_tokens} tokens`);
    expect(await lane.counter("Big")).toBe(`${direct.usage.completion_tokens_details.big_tokens} tokens`);
    expect(await lane.counter("Hand-offs")).toBe(String(direct.splitreason.switches));
    expect(await lane.counter("Hand-off time")).toMatch(/^\d+(\.\d+)? (ms|s)$/);
    expect(await lane.root.locator(".answer strong").innerText()).toBe("045");

    // Each author has a colour of its own, and the big one also an underline.
    const style = (author: string, property: string): Promise<string> =>
      read(
        view.page,
        `[data-lane=split] .by-${author}`,
        `(element) => getComputedStyle(element).${property}`,
      );
    expect(await style("small", "color")).not.toBe(await style("big", "color"));
    expect(await style("small", "borderBottomWidth")).toBe("0px");
    expect(await style("big", "borderBottomWidth")).toBe("2px");
    await view.expectClean();
    await view.close();
  });

  it("turns the dial: no budget, no help", async () => {
    const view = await openPage(browser, gateway.url);
    await view.problem.fill(PROBLEM);
    const budget = view.page.getByLabel("Budget");
    await budget.focus();
    await view.page.keyboard.press("Home");
    expect(await budget.getAttribute("aria-valuetext")).toBe("none");
    await view.run().click();
    await view.lane("split").reaches("done");
    expect(await view.lane("split").counter("Big")).toBe("0 tokens");
    expect(new Set((await view.lane("split").segments()).map(({ author }) => author))).toEqual(
      new Set(["small"]),
    );
    await view.expectClean();
    await view.close();
  });

  it("runs small, split and big side by side, by keyboard alone", async () => {
    const view = await openPage(browser, gateway.url);
    const { page } = view;
    await view.problem.fill(PROBLEM);
    const sideBySide = page.getByRole("radio", { name: "Side by side" });
    for (let presses = 0; presses < 30; presses++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate<boolean>("document.activeElement.name === 'layout'")) break;
    }
    await page.keyboard.press("ArrowRight");
    expect(await sideBySide.isChecked()).toBe(true);
    await page.keyboard.press("Control+Enter");
    for (const id of ["small", "split", "big"] as const) await view.lane(id).reaches("done");
    expect(await view.lane("small").counter("Big's share")).toBe("0%");
    expect(await view.lane("big").counter("Big's share")).toBe("100%");
    const share = Number.parseFloat(await view.lane("split").counter("Big's share"));
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(50);
    await view.expectClean();
    await view.close();
  });

  it.each([
    ["wide", 1280, 800, "light"],
    ["wide", 1280, 800, "dark"],
    ["narrow", 390, 844, "light"],
    ["narrow", 390, 844, "dark"],
    ["tiny", 360, 640, "light"],
  ] as const)("is legible and accessible: %s, %i x %i, %s", async (name, width, height, colorScheme) => {
    const touch = name !== "wide";
    const view = await openPage(browser, gateway.url, {
      viewport: { width, height },
      colorScheme,
      hasTouch: touch,
      isMobile: touch,
    });
    const { page } = view;
    await expectAccessible(page, "before a run");
    // So that the picture is the same each time.
    await page.getByText("Sampling and request").click();
    await page.getByLabel("Temperature").fill("0");
    await page.getByText("Sampling and request").click();
    if (name === "wide") await page.getByRole("radio", { name: "Side by side" }).check();
    await page.getByRole("button", { name: "As in the README" }).click();
    await view.run().click();
    await view.lane("split").reaches("done");
    if (name === "wide") for (const id of ["small", "big"] as const) await view.lane(id).reaches("done");
    await page.locator(".katex").first().waitFor();
    await page.waitForTimeout(600);
    await expectAccessible(page, "after a run");
    const overflow = await page.evaluate<number>(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    expect(overflow).toBe(0);
    mkdirSync(shots, { recursive: true });
    const path = join(shots, `${name}-${colorScheme}.png`);
    await page.screenshot({ path });
    if (process.env["KEEP_SCREENSHOTS"] === "1" && colorScheme === "light") {
      if (name === "wide") copyFileSync(path, join(root, "docs", "playground.png"));
      if (name === "narrow") copyFileSync(path, join(root, "docs", "playground-narrow.png"));
    }
    await view.expectClean();
    await view.close();
  });

  interface DirectAnswer {
    usage: { completion_tokens_details: { small_tokens: number; big_tokens: number } };
    splitreason: { switches: number; segments: { author: string; text: string }[] };
  }

  async function ask(body: Record<string, unknown>): Promise<DirectAnswer> {
    const response = await fetch(new URL("/v1/chat/completions", gateway.url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ messages: [{ role: "user", content: PROBLEM }], ...body }),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as DirectAnswer;
  }
});

interface AxeViolation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** axe-core finds nothing that is serious or critical. */
async function expectAccessible(page: Page, when: string): Promise<void> {
  const source = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(source);
  const violations = await page.evaluate<AxeViolation[]>(
    "axe.run(document).then((result) => result.violations)",
  );
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  expect(
    grave.map(({ id, nodes }) => ({
      id,
      nodes: nodes.map(({ html, failureSummary }) => ({ html, failureSummary })),
    })),
    when,
  ).toEqual([]);
}
