import { expect, it } from "vitest";

import { chooseTrainer } from "../registry.ts";
import { parseTinkerSpec } from "./spec.ts";

const parse = (text: string) => parseTinkerSpec(text, (what) => expect.fail(what));

it("reads a server with all its parameters", () => {
  expect(parse("http://host:8000")).toEqual({
    url: "http://host:8000",
    base: undefined,
    backend: "fsdp",
    rank: 32,
    keyEnv: undefined,
    patienceMs: 600_000,
    contextSize: undefined,
    sampler: "server",
    adapters: undefined,
  });
  const sampler = "openai:http://host:8001/v1#model?dialect=vllm&template=chatml";
  expect(
    parse(
      `http://host:8000/api/v1?base=Qwen/Qwen3-1.7B&rank=8&patience=60&context=4096&adapters=/shared&sampler=${sampler}`,
    ),
  ).toMatchObject({
    url: "http://host:8000",
    base: "Qwen/Qwen3-1.7B",
    rank: 8,
    patienceMs: 60_000,
    contextSize: 4096,
    adapters: "/shared",
    sampler,
  });
});

it.each([
  ["remote", "there is no such trainer"],
  ["embedded:8", "it takes no parameters"],
  ["tinker:host", "is not a URL"],
  ["tinker:ftp://host", "does not begin with http"],
  ["tinker:http://me:secret@host", "key-env"],
  ["tinker:http://host?bse=x", "bse is not a parameter; there are base, backend"],
  ["tinker:http://host?rank=-1", "parameter rank"],
  ["tinker:http://host?backend=tpu", "parameter backend"],
  ["tinker:http://host?rank=1&rank=2", "twice"],
  ["tinker:http://host?backend=jax&rank=0", "jax"],
  ["tinker:http://host?sampler=micro:small", "is no server"],
  ["tinker:http://host?adapters=/x&sampler=local", "adapters=FOLDER"],
  ["tinker:http://host?rank=0&adapters=/x&sampler=openai:http://host:8001/v1#m", "rank=0"],
])("refuses %s", (text, message) => {
  expect(() => chooseTrainer(text)).toThrow(message);
  expect(() => chooseTrainer(text)).toThrow("tinker:http://HOST:PORT");
});
