import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { callCli } from "../../../test/support/terminal.ts";
import { servedConfig } from "./serve.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-config-check-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

describe("config check", () => {
  it("says what a file means, with every default", async () => {
    const path = file("good.json", { models: { thrifty: { budget: 0.02 } }, host: "0.0.0.0" });
    const plain = await callCli(["config", "check", path]);
    expect(plain).toMatchObject({ status: 0, log: "" });
    expect(plain.out).toContain("good.json is valid.");
    expect(plain.out).toContain("thrifty");
    expect(plain.out).toContain("warning: anyone who can reach 0.0.0.0 can use the models");
    const json = await callCli(["config", "check", path, "--json"]);
    const document = JSON.parse(json.out);
    expect(document).toMatchObject({
      ok: true,
      hasKey: false,
      config: { port: 8080, limits: { queue: 64 }, pair: { small: "micro:small", policy: "learned" } },
    });
  });

  it.each<[string, unknown, number, RegExp]>([
    ["a field that is not known", { prot: 1 }, 2, /"prot"/u],
    ["a limit that is no number", { limits: { queue: "many" } }, 2, /field limits\.queue: /u],
    ["a model that cannot be", { pair: { small: "ftp:x", big: "micro:big" } }, 2, /accepted are/u],
    [
      "a policy that is not known",
      { pair: { small: "micro:small", big: "micro:big", policy: "x" } },
      2,
      /"x"/u,
    ],
    ["a key that is not there", { apiKeyEnv: "NO_SUCH_KEY" }, 2, /NO_SUCH_KEY is not set/u],
    ["a pair file that is not there", { pair: "none.json" }, 1, /none\.json: no such file/u],
    [
      "a preset whose policy cannot honour its dial",
      { models: { dear: { policy: "always", budget: 0.05 } } },
      2,
      /field models\.dear\.budget: the policy always cannot honour budget 0\.05/u,
    ],
    [
      "a preset whose dial the pair's policy cannot honour",
      { models: { dear: { bias: 1 } }, pair: { small: "micro:small", big: "micro:big", policy: "random" } },
      2,
      /field models\.dear: the policy random cannot honour bias 1/u,
    ],
    [
      "a pair whose policy cannot honour its dial",
      { pair: { small: "micro:small", big: "micro:big", policy: "always", dial: { budget: 0.1 } } },
      2,
      /field pair\.dial: the policy always cannot honour budget 0\.1/u,
    ],
    [
      "a model's key that is not in the environment",
      { pair: { small: "micro:small", big: "openai:http://h:1/v1#m?key-env=NOPE1" } },
      2,
      /environment variable NOPE1 is empty or not there/u,
    ],
    [
      "a model's key that is in no file",
      { pair: { small: "openai:http://h:1/v1#m?key-file=no.key", big: "micro:big" } },
      1,
      /no\.key: no such file/u,
    ],
    ["what is not JSON", "{", 2, /is not valid JSON/u],
  ])("refuses %s", async (_, content, status, message) => {
    const result = await callCli(["config", "check", file("bad.json", content)]);
    expect(result).toMatchObject({ status, out: "" });
    expect(result.log).toMatch(message);
    expect(result.log.trimEnd()).not.toContain("\n");
  });
});

describe("serve's flags", () => {
  it("are refused where the policy cannot honour them", async () => {
    const config = file("plain.json", { models: { thrifty: { budget: 0.02 } } });
    await expect(servedConfig({ config, policy: "always", budget: 0.05 })).rejects.toThrow(
      "--budget 0.05: the policy always cannot honour it",
    );
    await expect(servedConfig({ config, policy: "always" })).rejects.toThrow(
      "field models.thrifty: the policy always cannot honour budget 0.02",
    );
  });

  it("override the file, and leave the rest of it as it is", async () => {
    const config = file("flags.json", {
      port: 9000,
      apiKeyEnv: "A",
      limits: { concurrent: 32, queue: 5, choices: 16 },
      pair: { small: "micro:small", big: "gguf:big.gguf", dial: { budget: 0.2, bias: 1 }, maxTokens: 100 },
    });
    const served = await servedConfig({
      config,
      port: 0,
      big: "micro:big",
      budget: 0.05,
      concurrent: 4,
      apiKeyFile: "key",
      policy: "random",
      share: 0.1,
    });
    expect(served).toMatchObject({
      port: 0,
      apiKeyFile: "key",
      limits: { concurrent: 4, queue: 5, choices: 4 },
      pair: {
        small: "micro:small",
        big: "micro:big",
        dial: { budget: 0.05, bias: 1 },
        maxTokens: 100,
        policy: "random",
        policyOptions: { share: 0.1 },
      },
    });
    expect(served.apiKeyEnv).toBeUndefined();
    const untouched = await servedConfig({ config });
    expect(untouched).toMatchObject({ port: 9000, apiKeyEnv: "A", limits: { choices: 16 } });
    expect(untouched.pair).toMatchObject({ big: `gguf:${join(folder, "big.gguf")}`, policy: "learned" });
  });
});
