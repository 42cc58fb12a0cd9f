import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { withMeasuredLengths } from "../../decode/pair/calibration-file.ts";
import { MICRO_PAIR } from "../../decode/pair/pair-config.ts";
import { loadGatewayConfig, pairOf, parseGatewayConfig, readApiKey } from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

describe("the configuration", () => {
  it("has a default for everything, and stays on this machine", async () => {
    const config = parseGatewayConfig({}, "test");
    expect(config).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      whenSmallIsDown: "fail",
      logPrompts: false,
      reasoning: "separate",
      limits: { bodyBytes: 1024 * 1024, concurrent: 16, queue: 64, choices: 8 },
      breaker: { failures: 3, resetMs: 10_000 },
    });
    expect(await pairOf(config)).toEqual(await withMeasuredLengths(MICRO_PAIR));
  });

  it.each([
    [{ hots: "0.0.0.0" }, /"hots"/u],
    [{ port: 70_000 }, /field port: /u],
    [{ limits: { concurrent: 0 } }, /field limits\.concurrent: /u],
    [{ limits: { concurrent: 4 } }, /field limits\.choices: it must not be larger than limits\.concurrent/u],
    [{ limits: { requestTimeoutMs: 1e12 } }, /field limits\.requestTimeoutMs: /u],
    [{ apiKeyEnv: "A-B" }, /field apiKeyEnv: it must be the name of an environment variable/u],
    [{ apiKeyEnv: "A", apiKeyFile: "b" }, /apiKeyEnv or apiKeyFile, not both/u],
    [{ models: { splitreason: {} } }, /a model's name/u],
    [{ models: { "splitreason@1": {} } }, /a model's name/u],
    [{ models: { fast: { budget: 2 } } }, /field models\.fast\.budget: /u],
    [{ models: { fast: { polcy: "never" } } }, /"polcy"/u],
    [{ models: { fast: { policy: "sometimes" } } }, /unknown policy "sometimes"/u],
    [{ models: { fast: { policy: "random", policyOptions: { share: 2 } } } }, /option "share"/u],
    [{ models: { fast: { policyOptions: { share: 0.1 } } } }, /they need a policy/u],
    [{ pair: { small: "micro:small" } }, /field pair\.big: /u],
    [{ pair: { small: "micro:small", big: "micro:big", polcy: "never" } }, /field pair: .*"polcy"/u],
    [{ pair: 7 }, /field pair: /u],
  ])("refuses %j and says where", (value, message) => {
    expect(() => parseGatewayConfig(value, "x.json")).toThrow(message);
    expect(() => parseGatewayConfig(value, "x.json")).toThrow(/^x\.json[:,] /u);
  });

  it("takes presets, without filling in what they leave out", () => {
    const models = {
      cheap: { budget: 0.02 },
      "lab/half": { policy: "random", policyOptions: { share: 0.5 } },
    };
    expect(parseGatewayConfig({ models }, "test").models).toEqual(models);
  });

  it("is read from a file, whose paths are relative to its folder", async () => {
    const pair = { small: "gguf:models/small.gguf", big: "gguf:hf:o/r:Q4" };
    const inline = await loadGatewayConfig(file("inline.json", { pair, apiKeyFile: "key" }));
    expect(inline.pair).toMatchObject({
      small: `gguf:${join(folder, "models/small.gguf")}`,
      big: "gguf:hf:o/r:Q4",
    });
    expect(inline.apiKeyFile).toBe(join(folder, "key"));
    const named = await loadGatewayConfig(file("named.json", { pair: "pair.json" }));
    expect(named.pair).toBe(join(folder, "pair.json"));
    await expect(loadGatewayConfig(file("broken.json", "{"))).rejects.toThrow(
      /broken\.json is not valid JSON/u,
    );
    await expect(loadGatewayConfig(join(folder, "none.json"))).rejects.toThrow(/none\.json: no such file/u);
  });

  it("has no key that was asked for and is not there", async () => {
    expect(await readApiKey({}, {})).toBeUndefined();
    expect(await readApiKey({ apiKeyEnv: "KEY" }, { KEY: "  abcdefgh\n" })).toBe("abcdefgh");
    expect(await readApiKey({ apiKeyFile: file("key", "0123456789\n") }, {})).toBe("0123456789");
    await expect(readApiKey({ apiKeyEnv: "KEY" }, {})).rejects.toThrow(/KEY is not set or empty/u);
    await expect(readApiKey({ apiKeyEnv: "KEY" }, { KEY: "" })).rejects.toThrow(/not set or empty/u);
    await expect(readApiKey({ apiKeyFile: file("empty", "\n") }, {})).rejects.toThrow(/not set or empty/u);
    const spaced = readApiKey({ apiKeyEnv: "KEY" }, { KEY: "not a header" });
    await expect(spaced).rejects.toThrow(/visible ASCII/u);
    await expect(spaced).rejects.not.toThrow(/not a header/u);
    const away = readApiKey({ apiKeyFile: join(folder, "away") }, {});
    await expect(away).rejects.toMatchObject({ code: "config-invalid" });
  });
});
