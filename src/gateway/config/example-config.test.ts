/** The example that people start from has to be valid, and to show what there is. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

import { parsePolicy } from "../../decode/index.ts";
import { parseEngineSpec } from "../../engines/open/spec.ts";
import { gatewayConfigSchema, loadGatewayConfig, pairOf } from "./config.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const example = join(root, "splitreason.config.example.json");

it("the example configuration is valid, and so are the models and policies in it", async () => {
  const config = await loadGatewayConfig(example);
  const pair = await pairOf(config);
  expect(parseEngineSpec(pair.small)).toMatchObject({ kind: "http", dialect: "vllm" });
  expect(parseEngineSpec(pair.big)).toMatchObject({ kind: "http", dialect: "sglang" });
  expect(() => parsePolicy(pair.policy, pair.policyOptions)).not.toThrow();
  expect(config.host).toBe("127.0.0.1");
});

it("the reference in docs/serving.md names every field", () => {
  const reference = readFileSync(join(root, "docs", "serving.md"), "utf8");
  const fields = Object.keys(gatewayConfigSchema.shape).filter((name) => name !== "$schema");
  const limits = Object.keys(gatewayConfigSchema.shape.limits.unwrap().shape);
  for (const name of [...fields, ...limits])
    expect(reference, name).toMatch(new RegExp(`\`[^\`]*${name}`, "u"));
});
