/** The parts of the HTTP engines that need no server. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { readTemplate } from "./chat-templates.ts";
import { readKey } from "./transport/credentials.ts";
import { errorOfStatus } from "./transport/http-errors.ts";
import { neutralised } from "./tokens/markers.ts";
import { batches, probePlaces } from "./probes.ts";
import { documentParser } from "./transport/server-events.ts";
import { addressOf } from "./transport/transport.ts";
import { WarmUps } from "./warm-up.ts";
import { parseEngineSpec } from "../open/spec.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-parts-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the spec", () => {
  it("reads URLs, model and parameters", () => {
    const text =
      "openai:http://a:1/v1/,https://b/v1#org/model:7b?dialect=vllm&template=deepseek-r1&key-env=KEY&context=4096&probe=every";
    expect(parseEngineSpec(text)).toMatchObject({
      kind: "http",
      urls: ["http://a:1/v1", "https://b/v1"],
      model: "org/model:7b",
      dialect: "vllm",
      template: "deepseek-r1",
      keyEnv: "KEY",
      contextSize: 4096,
      probe: "every",
      timeoutMs: 120_000,
    });
    expect(parseEngineSpec("openai:http://h:8000?dialect=sglang")).toMatchObject({
      model: undefined,
      urls: ["http://h:8000"],
    });
  });

  it.each([
    ["openai:", "is not a URL"],
    ["openai:ftp://h/v1#m", "does not begin with http"],
    ["openai:http://user:pass@h/v1#m", "user name or password"],
    ["openai:http://h/v1#m?dialect=tgi", "parameter dialect"],
    ["openai:http://h/v1#m?color=red", "color is not a parameter; there are dialect"],
    ["openai:http://h/v1#m?context=0", "parameter context"],
    ["openai:http://h/v1#m?probe=every&probe=every", "twice"],
    ["openai:http://h/v1#m?key-env=A&key-file=b", "not both"],
  ])("refuses %j", (text, message) => {
    expect(() => parseEngineSpec(text)).toThrow(message);
    expect(() => parseEngineSpec(text)).toThrow(expect.objectContaining({ code: "config-invalid" }));
  });

  it("finds native routes beside the base URL", () => {
    expect(addressOf("http://h/x/v1", { at: "api", path: "/completions" })).toBe("http://h/x/v1/completions");
    expect(addressOf("http://h/x/v1", { at: "root", path: "/generate" })).toBe("http://h/x/generate");
    expect(addressOf("http://h", { at: "api", path: "/models" })).toBe("http://h/v1/models");
  });
});

describe("a key", () => {
  it("comes from a file, and does not show itself", async () => {
    const path = join(folder, "key");
    writeFileSync(path, "top-secret\n");
    const key = await readKey({ keyEnv: undefined, keyFile: path });
    expect(key?.reveal()).toBe("top-secret");
    expect(String(key) + JSON.stringify({ key })).not.toContain("top-secret");
    writeFileSync(path, "two\nlines");
    await expect(readKey({ keyEnv: undefined, keyFile: path })).rejects.toThrow(
      "cannot be in an HTTP header",
    );
  });
});

describe("server-sent events", () => {
  const bytes = new TextEncoder().encode(
    'data: {"a":"é"}\n\n: ping\n\ndata: {"a":"🌍"}\r\n\r\ndata: [DONE]\n\ndata: {"a":3}\n\n',
  );
  it("are the same however they are cut, and end with [DONE]", () => {
    for (let size = 1; size < 12; size++) {
      const parser = documentParser("server-sent-events", "server");
      const documents: unknown[] = [];
      for (let start = 0; start < bytes.length; start += size)
        documents.push(...parser.push(bytes.subarray(start, start + size)));
      documents.push(...parser.end());
      expect(documents).toEqual([{ a: "é" }, { a: "🌍" }]);
      expect(parser.isDone).toBe(true);
    }
  });

  it("give out what came before an error object, in the shapes that servers use", () => {
    for (const error of [
      'data: {"error":{"message":"no luck"}}',
      'data: {"error":"no luck"}',
      'error: {"message":"no luck"}',
    ]) {
      const parser = documentParser("server-sent-events", "server");
      expect(parser.push(Buffer.from(`data: {"a":1}\n\n${error}\n\n`))).toEqual([{ a: 1 }]);
      expect(() => parser.end()).toThrow("no luck");
    }
  });

  it("may be lines of JSON", () => {
    const parser = documentParser("json-lines", "server");
    expect(parser.push(Buffer.from('{"a":1}\n{"a"'))).toEqual([{ a: 1 }]);
    expect(parser.push(Buffer.from(":2}"))).toEqual([]);
    expect(parser.end()).toEqual([{ a: 2 }]);
  });
});

describe("probes", () => {
  it("are where a step may be over, and at the end", () => {
    const texts = ["97", " times", " 13", " is", " 1", "", "é", ".", " So", " we", "\n", "x"];
    expect(probePlaces(texts, "boundaries", 100)).toEqual([7, 10, 11]);
    expect(probePlaces(texts, "boundaries", 3)).toEqual([2, 6, 7, 10, 11]);
    expect(probePlaces(texts, "every", 8)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]);
  });

  it("are grouped by number and by size", () => {
    expect(batches([1, 2, 3, 4, 5], 2, 100, (size) => size)).toEqual([[1, 2], [3, 4], [5]]);
    expect(batches([4, 4, 9, 1], 10, 8, (size) => size)).toEqual([[4, 4], [9], [1]]);
  });
});

describe("markers in texts", () => {
  it("are broken up, and other text is not touched", () => {
    const safe = neutralised("a <|im_end|> b <bigmodel> c [INST] 1 < 2 > 0 x[3]", ["@@end"]);
    expect(safe.replaceAll("\u2060", "")).toBe("a <|im_end|> b <bigmodel> c [INST] 1 < 2 > 0 x[3]");
    for (const marker of ["<|im_end|>", "<bigmodel>", "[INST]"]) expect(safe).not.toContain(marker);
    expect(safe).toContain("1 < 2 > 0 x[3]");
    expect(neutralised("x@@end", ["@@end"])).not.toContain("@@end");
  });
});

describe("templates", () => {
  it("come from a name, a Jinja file or a tokenizer_config.json", async () => {
    expect(await readTemplate("chatml")).toContain("<|im_start|>");
    const jinja = join(folder, "t.jinja");
    writeFileSync(jinja, "{{ messages[0].content }}");
    expect(await readTemplate(jinja)).toBe("{{ messages[0].content }}");
    const config = join(folder, "tokenizer_config.json");
    writeFileSync(config, JSON.stringify({ chat_template: [{ name: "default", template: "{{ 1 }}" }] }));
    expect(await readTemplate(config)).toBe("{{ 1 }}");
    writeFileSync(config, "{}");
    await expect(readTemplate(config)).rejects.toThrow("field chat_template: it is missing");
    await expect(readTemplate(join(folder, "none.jinja"))).rejects.toMatchObject({ code: "file-missing" });
  });
});

describe("errors", () => {
  it("say what the server said, and whether to try again", () => {
    expect(errorOfStatus("s", 503, '{"error":{"message":"busy"}}')).toMatchObject({
      code: "engine-unavailable",
      retryable: true,
    });
    expect(errorOfStatus("s", 401, "no").message).toContain("key-env");
    expect(errorOfStatus("s", 400, '{"detail":"maximum context length is 9"}').name).toBe(
      "ContextOverflowError",
    );
  });
});

describe("warm-ups", () => {
  it("are coalesced, and dropped when a request does the reading", async () => {
    const sent: number[] = [];
    const gates: (() => void)[] = [];
    const warmUps = new WarmUps({
      minTokens: 2,
      send: async (ids) => {
        sent.push(ids.length);
        await new Promise<void>((resolve) => gates.push(resolve));
      },
    });
    const ids: never[] = [];
    const grow = (length: number) => {
      while (ids.length < length) ids.push(0 as never);
      warmUps.want(ids);
    };
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    grow(4);
    await turn();
    grow(6);
    grow(9);
    await turn();
    expect(sent).toEqual([4]);
    gates[0]?.();
    await turn();
    expect(sent).toEqual([4, 9]);
    grow(20);
    const settled = warmUps.settle();
    gates[1]?.();
    await settled;
    await turn();
    expect(sent).toEqual([4, 9]);
  });
});
